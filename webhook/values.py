"""Parses Facebook's JSON and converts its loose types: ids that may be numbers, times that may be seconds.

orjson is the fast parser. It refuses half of an emoji (`"\\ud83d"`), which some clients send when they cut texts. Such
halves are replaced first. It rounds whole numbers beyond 64 bits to floats, which would change an id. A body with these
numbers is parsed again by the standard library, which keeps every digit.
"""

import json
import math
from contextlib import suppress
from typing import Any, Final, Literal

import orjson

from domain import moment
from domain.loose import REPLACEMENT, SAFE_INTEGER, refused_constant, repaired, whole_number
from webhook.errors import PayloadRefused

DEPTH: Final = 8
"""Levels of a payload that are kept. The deepest known payload, a product's elements, needs three."""

SkipReason = Literal[
    "not_an_object",  # the body is JSON, but not an object
    "other_object",  # `object` is not `page`: another product's webhook
    "malformed_entry",  # `entry`, one of its elements or one of their lists has the wrong type
    "empty_entry",  # an entry without any known list
    "malformed_event",  # an event, or a needed part of it, has the wrong type
    "unknown_event",  # an event without any known key
    "bad_id",  # an id of a wrong type, empty, too long or damaged
    "no_mid",  # a message, edit or unsend without a message id
    "no_page",  # neither the entry nor the event says which Page
    "no_sender",  # a customer without a page-scoped id (`user_ref`: a visitor who has not written yet)
    "no_recipient",  # an echo without a recipient
    "page_mismatch",  # the entry and the event name different Pages
]


class NotUnderstood(Exception):
    """Raised while one event is read. `normalize` turns it into a Skipped."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason: SkipReason = reason


class Inexact(Exception):
    """A float where a whole number is expected. The fast parser may have rounded it, so the body must be parsed
    exactly.
    """


class Exact:
    """A number from the exact parser that is not whole, or absurdly long. A plain float may be a rounded id."""

    __slots__ = ("number",)

    def __init__(self, digits: str | float) -> None:
        self.number = float(digits)


def parse(body: bytes) -> Any:
    """Returns the value, parsed fast: a whole number beyond 64 bits is a float. Raises PayloadRefused if the body is
    not JSON.
    """
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(repaired(body))
    return parse_exactly(body)  # orjson also refuses a number of hundreds of digits


def parse_exactly(body: bytes) -> Any:
    """Returns the value with every whole number whole and every other number an Exact.

    Raises PayloadRefused for a body that is not UTF-8, not JSON, or nested deeper than the interpreter's stack.
    """
    # keeps: nested JSON is refused
    with suppress(ValueError, RecursionError):
        text = repaired(body).decode()
        return json.loads(text, parse_int=_whole, parse_float=Exact, parse_constant=refused_constant)
    # Outside the handler: the parser's own error holds the body, and no error that the service raises may refer to it.
    raise PayloadRefused


def _whole(digits: str) -> int | Exact:
    number = whole_number(digits)
    return Exact(number) if isinstance(number, float) else number


def ident(value: object, longest: int) -> str:
    """Returns an id as text, from text or a whole number. Raises NotUnderstood (bad_id) for anything else, Inexact for
    a float.

    These texts are refused: empty ones, more than `longest` characters, control characters, lone surrogates and their
    replacements.
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
    """Returns Unix milliseconds from seconds or milliseconds, a number or a text; None if absent, 0 or out of range."""
    if type(value) is int:
        return moment.from_number(value) or None
    if type(value) is str:
        return moment.from_text(value) or None
    number = value.number if isinstance(value, Exact) else value
    if isinstance(number, float) and math.isfinite(number):
        return moment.from_number(int(number)) or None
    return None


def flag(value: object) -> bool:
    """Returns True for `true`, `1` and `"true"`, because Facebook sends all three."""
    return (value.number if isinstance(value, Exact) else value) in (True, "true")


def plain(value: Any, depth: int = DEPTH) -> Any:
    """Returns a JSON value in our form: ids and numbers beyond 2^53 as text, nulls left out, nothing deeper than
    `depth`.

    Raises Inexact if a float may be a rounded whole number.
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
        return value.number if math.isfinite(value.number) else None
    if depth == 0:
        return None
    if type(value) is list:
        return [plain(item, depth - 1) for item in value]
    return {key: kept for key, item in value.items() if (kept := _member(key, item, depth - 1)) is not None}


def _member(key: str, item: Any, depth: int) -> Any:
    if type(item) is int and (key in ("id", "mid") or key.endswith("_id")):
        return str(item)
    return plain(item, depth)
