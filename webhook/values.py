"""Converts Facebook's loose types: ids that may be numbers, times that may be seconds, flags that may be words."""

import math
from typing import Any

from domain import moment
from domain.loose import REPLACEMENT, SAFE_INTEGER
from webhook.delivery import NotUnderstood
from webhook.parse import Exact

DEPTH = 8
"""Levels of a payload that are kept. The deepest known payload, a product's elements, needs three."""


class Inexact(Exception):
    """A float stands where a whole number is expected. The fast parser may have rounded it: parse the body exactly."""


def ident(value: object, longest: int) -> str:
    """An id as text, from text or a whole number; raises NotUnderstood (bad_id) for anything else, Inexact for a float.

    Refused: nothing, more than `longest` characters, control characters, lone surrogates and what replaced them.
    """
    if type(value) is str:
        if 0 < len(value) <= longest and value.isprintable() and (value.isascii() or REPLACEMENT not in value):
            return value
    elif type(value) is int:
        if value >= 0:
            return str(value)
    elif type(value) is float:
        raise Inexact
    raise NotUnderstood("bad_id")


def sent_at(value: object) -> int | None:
    """Unix milliseconds from seconds or milliseconds, a number or a text. None when absent, 0 or out of range."""
    if type(value) is int:
        return moment.from_number(value) or None
    if type(value) is str:
        return moment.from_text(value) or None
    if isinstance(value, float) and math.isfinite(value):
        return moment.from_number(int(value)) or None
    return None


def flag(value: object) -> bool:
    """True for `true`, `1` and `"true"`; Facebook sends all three."""
    return value in (True, "true")


def plain(value: Any, depth: int = DEPTH) -> Any:
    """A JSON value as we keep it: ids and numbers beyond 2^53 as text, nulls left out, nothing deeper than `depth`.

    Raises Inexact when a float may be a rounded whole number.
    """
    if type(value) is str or type(value) is bool or value is None:
        return value
    if type(value) is int:
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
    if type(value) is float:
        if abs(value) > SAFE_INTEGER:
            raise Inexact
        return value
    if type(value) is Exact:
        return float(value) if math.isfinite(value) else None
    if depth == 0:
        return None
    if type(value) is list:
        return [plain(item, depth - 1) for item in value]
    return {key: kept for key, item in value.items() if (kept := _member(key, item, depth - 1)) is not None}


def _member(key: str, item: Any, depth: int) -> Any:
    if type(item) is int and (key in ("id", "mid") or key.endswith("_id")):
        return str(item)
    return plain(item, depth)
