"""Events that the code logs, read from its source: every event with its levels and fields, wherever it is written."""

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from tests.house.sources import ROOT, modules, packages, tree

LEVELS: Final = {"debug", "info", "warning", "error", "critical", "exception"}
LOGGERS: Final = {"log", "_log", "logger"}
OF_EXCEPTIONS: Final = {"error", "where", "reason", "inside", "caused_by"}
"""The fields that ops/traces.py makes of an exception."""
REQUEST_PARTS: Final = {"facts", "line"}
"""Mappings that become the line of a request. Handlers add more fields under `state["log"]`."""


@dataclass
class Event:
    """One event: the levels it is logged at, and the fields it may have."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def events_of(parsed: ast.Module) -> dict[str, Event]:
    """Returns the calls by event name, from one module. A computed name is returned as its expression."""
    found: dict[str, Event] = defaultdict(Event)
    for node in ast.walk(parsed):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in LEVELS:
            continue
        logger = node.func.value
        name = logger.id if isinstance(logger, ast.Name) else logger.attr if isinstance(logger, ast.Attribute) else ""
        if name not in LOGGERS:
            continue
        first = node.args[0] if node.args else None
        event = found[str(first.value) if isinstance(first, ast.Constant) else ast.unparse(node)]
        event.levels.add("error" if node.func.attr == "exception" else node.func.attr)
        for keyword in node.keywords:
            if keyword.arg == "exc_info":
                event.fields |= OF_EXCEPTIONS
            elif keyword.arg is not None:
                event.fields.add(keyword.arg)
        if node.func.attr == "exception":
            event.fields |= OF_EXCEPTIONS
    return found


def request_fields_of(parsed: ast.Module) -> set[str]:
    """Returns the fields that a module puts into a request's line."""
    found: set[str] = set()
    for node in ast.walk(parsed):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(key)), ctx=ast.Store(), value=where) if _is_line(where):
                found.add(key)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys)) if name in REQUEST_PARTS:
                found |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
            case ast.Call(func=ast.Attribute(attr="update", value=ast.Name(id="log")), keywords=keywords):
                found |= {keyword.arg for keyword in keywords if keyword.arg}
    return found


def _is_line(where: ast.expr) -> bool:
    """Returns True for `facts[...]`, `line[...]`, `log[...]`, or the result of `.setdefault("log", {})`."""
    match where:
        case ast.Name(id=name):
            return name in REQUEST_PARTS or name == "log"
        case ast.Call(func=ast.Attribute(attr="setdefault"), args=[ast.Constant(value="log"), *_]):
            return True
    return False


@cache
def all_events() -> dict[str, Event]:
    """Returns every event of the installed code, with the two that the code puts together by hand."""
    found: dict[str, Event] = defaultdict(Event)
    for module in modules(*packages()):
        parsed = tree(ROOT / module.path)
        for name, event in events_of(parsed).items():
            found[name].levels |= event.levels
            found[name].fields |= event.fields
        found["request"].fields |= request_fields_of(parsed) - {"event"}
    return found
