"""What the audit log calls an action is the name of a route, also where a command or a callback did it."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import ROOT, packages
from tests.house.unplugged import application

RECORDING = {"record", "with_tools", "Access"}
"""The calls that name an action."""

NAMES = {route.name for route in application().routes}


def actions(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every plain word that is given to such a call."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in RECORDING:
            continue
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.lineno, argument.value


FILES = [path for package in packages() for path in sorted((ROOT / package).rglob("*.py"))]
FOUND = [(f"{path.relative_to(ROOT)}:{line}", action) for path in FILES for line, action in actions(path.read_text())]


def test_commands_name_their_actions() -> None:
    """Otherwise the next test would look at nothing."""
    assert {"purgeMessages", "connectPage", "listAudit", "exportShop"} <= {action for _, action in FOUND}


@pytest.mark.parametrize(("place", "action"), FOUND, ids=lambda part: part)
def test_an_action_is_the_name_of_a_route(place: str, action: str) -> None:
    """Whoever reads the log looks it up in the description of the API."""
    assert action in NAMES, place


def test_another_word_would_be_found() -> None:
    """The rule itself is tried."""
    assert list(actions('tools.record(shop, "purge_all")')) == [(1, "purge_all")]
