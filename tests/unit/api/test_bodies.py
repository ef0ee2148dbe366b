"""The body that connects a Page. Its token is accepted unchanged, or it is refused and the error does not repeat it."""

import orjson
import pytest

from api.bodies import LONGEST_PAGE_TOKEN, PageConnect
from api.params import InvalidRequest, parse_body
from domain.secret import Secret

TOKEN = "EAAB-secret_of.the|Page~"


def connect(token: object) -> PageConnect:
    """Returns the body that sends this token."""
    return parse_body(PageConnect, "", orjson.dumps({"access_token": token}))


def test_an_empty_object_holds_no_token() -> None:
    """The body connects the Page only for webhooks."""
    assert parse_body(PageConnect, "", b"{}").token() is None


@pytest.mark.parametrize("token", ["E", TOKEN, "x" * LONGEST_PAGE_TOKEN, "!~"])
def test_a_valid_token_is_accepted_unchanged(token: str) -> None:
    """Facebook decides its form. The service requires that it fits into a header."""
    assert connect(token).token() == Secret(token)


def test_no_representation_of_the_body_shows_the_token() -> None:
    """No traceback, print or dump of the body shows the token."""
    body = connect(TOKEN)
    for shown in (repr(body), str(body), str(body.model_dump()), body.model_dump_json(), repr(body.token())):
        assert TOKEN not in shown


@pytest.mark.parametrize(
    "token",
    ["", " ", "EAAB secret", "EAAB\n", "EAAB\r\nX-Evil: 1", "EAAB\x00", "ថូខិន", "x" * (LONGEST_PAGE_TOKEN + 1)],
)
def test_a_token_that_cannot_be_a_header_value_is_refused_and_not_repeated(token: str) -> None:
    """The refusal is the same sentence for every such token."""
    with pytest.raises(InvalidRequest) as refused:
        connect(token)
    assert refused.value.reason == "invalid_field"
    assert str(refused.value) == "access_token: must be 1 to 4096 printable ASCII characters without spaces."


@pytest.mark.parametrize("token", [None, 5, True, [TOKEN], {"access_token": TOKEN}])
def test_a_token_that_is_no_text_is_refused(token: object) -> None:
    """Null is refused too. A caller who wants only webhooks sends `{}`."""
    with pytest.raises(InvalidRequest, match=r"^access_token: ") as refused:
        connect(token)
    assert refused.value.reason == "invalid_field"
    assert TOKEN not in str(refused.value)


def test_a_token_under_another_name_is_not_repeated() -> None:
    """A misspelt field must not silently connect the Page only for webhooks."""
    with pytest.raises(InvalidRequest) as refused:
        parse_body(PageConnect, "", orjson.dumps({"token": TOKEN}))
    assert (refused.value.reason, str(refused.value)) == ("unknown_field", "Unknown field token.")
