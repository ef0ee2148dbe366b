"""An action in the audit log is the name of a route, also if a command or a callback did it."""

import ast
from collections.abc import Iterator

from tests.house.sources import ROOT, modules, packages, tree
from tests.house.unplugged import application

RECORDING = {"record", "Access"}
"""The calls that name an action."""


def actions(parsed: ast.Module) -> Iterator[tuple[int, str]]:
    """Yields line and text of every plain word that is given to such a call."""
    for node in ast.walk(parsed):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in RECORDING:
            continue
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.lineno, argument.value


def test_an_action_is_the_name_of_a_route() -> None:
    """A reader of the log finds the action in the description of the API."""
    found = [(m.path, line, name) for m in modules(*packages()) for line, name in actions(tree(ROOT / m.path))]
    assert {"purgeMessages", "connectPage", "listAudit", "exportShop"} <= {name for *_, name in found}
    routes = {route.name for route in application().routes}
    assert [(path, line, name) for path, line, name in found if name not in routes] == []


def test_the_rule_finds_an_action_with_a_wrong_word() -> None:
    """The test gives the rule a wrong word."""
    assert list(actions(ast.parse('tools.record(shop, "purge_all")'))) == [(1, "purge_all")]
