"""Parses Facebook's JSON and converts its loose types: ids that may be numbers, times that may be seconds.

orjson is the fast parser. It refuses half of an emoji (`"\\ud83d"`), which some clients send when they cut texts. If
orjson refuses a body, such halves are replaced and the body is parsed again. orjson also rounds whole numbers beyond 64
bits to floats, which would change an id. A body with such a number is parsed again by the standard library, which keeps
every digit.
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
"""Nested levels of a payload that are stored. The deepest known payload, a product's elements, has three levels."""

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
    """Raised for a float where a whole number is expected. The fast parser may have rounded the number, so the body
    must be parsed exactly.
    """


class Exact:
    """A number from the exact parser that is not whole or has more than 64 digits. It is not a float, because code that
    gets a float must assume that the fast parser rounded an id.
    """

    __slots__ = ("number",)

    def __init__(self, digits: str | float) -> None:
        self.number = float(digits)


def parse(body: bytes) -> Any:
    """Returns the value in the body, from the fast parser. In it, a whole number beyond 64 bits is a float. Raises
    PayloadRefused if the body is not JSON.
    """
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(repaired(body))
    return parse_exactly(body)  # orjson also refuses a number with hundreds of digits


def parse_exactly(body: bytes) -> Any:
    """Returns the value in the body. Whole numbers are `int` and keep every digit, and other numbers are `Exact`.

    Raises PayloadRefused for a body that is not UTF-8, not JSON, or nested deeper than the interpreter's stack.
    """
    # keeps: nested JSON is refused
    with suppress(ValueError, RecursionError):
        text = repaired(body).decode()
        return json.loads(text, parse_int=_whole, parse_float=Exact, parse_constant=refused_constant)
    # This is raised outside the handler, so that it does not refer to the parser's error, which holds the body.
    raise PayloadRefused


def _whole(digits: str) -> int | Exact:
    number = whole_number(digits)
    return Exact(number) if isinstance(number, float) else number


def ident(value: object, longest: int) -> str:
    """Returns an id as text, from a text or a whole number. Raises Inexact for a float, and NotUnderstood (bad_id) for
    any other value.

    A text is refused if it is empty, has more than `longest` characters, or contains a control character, a lone
    surrogate or a replacement of one.
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
    """Returns Unix milliseconds from a number or text in seconds or milliseconds; None for 0 and any other value."""
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
    """Returns a JSON value in the service's form. Ids and whole numbers beyond 2^53 become text. Nulls and everything
    deeper than `depth` are left out.

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
