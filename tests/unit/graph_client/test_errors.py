"""The errors of Graph, and what callers get."""

from typing import Any, get_args

import pytest

from domain.errors import PageInboxError
from graph_client import errors
from graph_client.errors import GraphError, Reason, Throttled, TokenReason

CLASSES: list[type[GraphError]] = GraphError.__subclasses__()


def made(one: Any) -> GraphError:
    """Returns an error of the class, with as few arguments as possible."""
    error = one("pages") if one is Throttled else one()
    assert isinstance(error, GraphError)
    return error


def test_every_reason_belongs_to_one_class() -> None:
    """Every class has one reason too."""
    assert sorted(made(one).reason for one in CLASSES) == sorted(get_args(Reason))


def test_the_tree_in_the_docstring_has_every_class_with_its_reason() -> None:
    """The drawing is in the module's docstring."""
    tree = [line.split() for line in (errors.__doc__ or "").splitlines() if "──" in line and "PageInbox" not in line]
    drawn = {words[1]: words[3] for words in tree if words[1] != "GraphError"}
    assert drawn == {one.__name__: made(one).reason for one in CLASSES}


@pytest.mark.parametrize("one", CLASSES)
def test_an_error_made_by_us_has_no_code(one: type[GraphError]) -> None:
    """Only Graph gives codes."""
    error = made(one)
    assert isinstance(error, PageInboxError)
    assert (error.code, error.subcode, error.trace) == (None, None, None)
    assert str(error).endswith(".")


def test_every_error_of_a_dead_token_says_what_to_do() -> None:
    """The shop must act, so the error must say how."""
    for reason in get_args(TokenReason):
        assert "onnect the Page again with a new token." in str(errors.TokenDead(reason)) or reason == "no_token"
    assert "Connect it with a token" in str(errors.TokenDead("no_token"))


@pytest.mark.parametrize(("value", "expected"), [(460, "password_changed"), ("463", "expired"), (0, "token_invalid")])
def test_a_subcode_gives_the_reason_of_a_dead_token(value: object, expected: str) -> None:
    """The subcode may be a number or a text."""
    assert errors.token_reason(value) == expected
    assert errors.token_reason([value]) == "token_invalid"
