"""Pure: the language of `fields=`: names, `a{b,c}` for the fields inside, and `.limit(0).summary(true)` after a name.
For an edge inside a node, the simulator answers only the count.

One name that the node's type does not have makes the whole call fail with code 100
(developers.facebook.com/docs/graph-api/results). `graph_types` lists the fields of each type.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from simulator.graph_refusals import bad_parameter, unknown_field, unreadable_query
from simulator.graph_types import DEFAULTS, TYPES, Form

_MODIFIERS = frozenset({"limit", "summary"})
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[{},]|\.[a-z_]+\([^(){}]*\))\s*")
_DEEPEST = 8
"""The largest number of nested braces. Graph's own limit is not documented."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One field of an answer. `inner` is empty if the call names no field inside. An empty `inner` chooses all inner
    fields."""

    name: str
    form: Form
    type: str | None
    inner: tuple["Chosen", ...]
    summary: bool = False


@dataclass(frozen=True, slots=True)
class _Written:
    """One field as it was written."""

    name: str
    modifiers: tuple[tuple[str, str], ...]
    inner: tuple["_Written", ...]


@lru_cache(maxsize=512)
def choose(node_type: str, fields: str | None) -> tuple[Chosen, ...]:
    """Returns the fields to show of a node. If `fields` is None, these are the few default fields of its type.

    Raises:
        GraphErrorAnswer: 100 for a field that the type does not have, 2500 for what cannot be parsed.
    """
    if fields is None:
        return tuple(_compiled(_Written(name, (), ()), node_type) for name in DEFAULTS[node_type])
    return tuple(_compiled(one, node_type) for one in _parsed(fields))


def _compiled(written: _Written, node_type: str) -> Chosen:
    shape = TYPES[node_type].get(written.name)
    if shape is None:
        raise unknown_field(written.name, node_type)
    if shape.type is None and written.inner:
        raise unknown_field(written.inner[0].name, written.name)
    modifiers = dict(written.modifiers)
    if modifiers and shape.form != "tally":
        raise bad_parameter(f"Tried using a modifier on field ({written.name}), which is no edge")
    if shape.form == "tally" and modifiers.get("limit") != "0":
        raise bad_parameter(f"Only the count of ({written.name}) is simulated: ask with limit(0)")
    inner = tuple(_compiled(one, shape.type or "") for one in written.inner)
    if not inner and shape.form == "list" and shape.type in DEFAULTS:
        inner = choose(shape.type, None)
    summary = modifiers.get("summary", "false") not in ("false", "0", "")
    return Chosen(written.name, shape.form, shape.type, inner, summary)


def _parsed(text: str) -> tuple[_Written, ...]:
    tokens: list[str] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise unreadable_query(f"Syntax error, unexpected character at position {position} of fields")
        tokens.append(found[1])
        position = found.end()
    fields, rest = _list(tokens, 0, 0)
    if rest != len(tokens):
        raise unreadable_query('Syntax error "Expected end of string instead of "}"." in fields')
    return fields


def _list(tokens: list[str], position: int, depth: int) -> tuple[tuple[_Written, ...], int]:
    """Returns the fields up to the end or a closing brace, and the position after them."""
    if depth > _DEEPEST:
        raise unreadable_query("Syntax error: fields is nested too deeply")
    found = []
    while True:
        if position >= len(tokens) or not (tokens[position][0].isalpha() or tokens[position][0] == "_"):
            raise unreadable_query("Syntax error: a field's name is expected in fields")
        name, position = tokens[position], position + 1
        modifiers, inner = [], tuple[_Written, ...]()
        while position < len(tokens) and tokens[position][0] == ".":
            modifier, _, argument = tokens[position][1:-1].partition("(")
            if modifier not in _MODIFIERS:
                raise bad_parameter(f"Unknown modifier ({modifier}) on field ({name})")
            modifiers.append((modifier, argument))
            position += 1
        if position < len(tokens) and tokens[position] == "{":
            inner, position = _list(tokens, position + 1, depth + 1)
            if position >= len(tokens) or tokens[position] != "}":
                raise unreadable_query('Syntax error: "}" is expected in fields')
            position += 1
        found.append(_Written(name, tuple(modifiers), inner))
        if position < len(tokens) and tokens[position] == ",":
            position += 1
            continue
        return tuple(found), position
