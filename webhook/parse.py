"""Body bytes to JSON values: fast, or exactly.

orjson is the fast parser. It refuses half of an emoji (`"\\ud83d"`), which clients that cut texts do send: those halves
are replaced first. It rounds whole numbers beyond 64 bits to floats, which would change an id: such a body is read by
the standard library.
"""

import json
from contextlib import suppress
from typing import Any

import orjson

from domain.loose import refused_constant, repaired, whole_number
from webhook.errors import PayloadRefused


class Exact(float):
    """A number that is not whole, or absurdly long, as the exact parser found it. A plain float may be a rounded id."""


def parse(body: bytes) -> Any:
    """The value, parsed fast: a whole number beyond 64 bits is a float. Raises PayloadRefused for what is not JSON."""
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(repaired(body))
    return parse_exactly(body)  # orjson also refuses a number of hundreds of digits


def parse_exactly(body: bytes) -> Any:
    """The value with every whole number whole and every other number an Exact.

    Raises PayloadRefused for what is not UTF-8, not JSON, or nested deeper than the interpreter's stack.
    """
    # keeps: nested JSON is refused
    with suppress(ValueError, RecursionError):
        text = repaired(body).decode()
        return json.loads(text, parse_int=_whole, parse_float=Exact, parse_constant=refused_constant)
    # Outside the handler: the parser's own error holds the body, and nothing that we raise may lead to it.
    raise PayloadRefused("not_json")


def _whole(digits: str) -> int | Exact:
    number = whole_number(digits)
    return Exact(number) if isinstance(number, float) else number
