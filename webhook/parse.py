"""Body bytes to JSON values: fast, or exactly.

orjson is the fast way. It refuses some JSON that Facebook does send (half an emoji cut off by a client, `"\\ud83d"`)
and rounds whole numbers beyond 64 bits to floats, which would bend an id. Both are read by the standard library
instead, ten times slower and to the letter.
"""

import json
import math
from contextlib import suppress
from typing import Any

import orjson

from domain.loose import mended, refused_constant
from webhook.errors import PayloadRefused

_MOST_DIGITS = 64
"""The longest whole number read as one; ids have about 20 digits. Python itself would refuse 4300, and the body."""


class Exact(float):
    """A number that an exact reading found not to be a whole one, or absurdly long; a plain float may be a bent id."""


def parse(body: bytes) -> Any:
    """The value, read fast: a whole number beyond 64 bits is a float. Raises PayloadRefused for what is not JSON."""
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    return parse_exactly(body)


def parse_exactly(body: bytes) -> Any:
    """The value with every whole number whole, every other number an Exact, and U+FFFD for each lone surrogate.

    Raises PayloadRefused for what is not UTF-8, not JSON, or nested deeper than the interpreter's stack.
    """
    # keeps: nested JSON is refused
    with suppress(ValueError, RecursionError):
        text = body.decode("utf-8-sig")
        return mended(json.loads(text, parse_int=_whole, parse_float=Exact, parse_constant=refused_constant))
    # Outside the handler: the parser's own error holds the body, and nothing that we raise may lead to it.
    raise PayloadRefused("not_json")


def _whole(digits: str) -> int | Exact:
    return int(digits) if len(digits) <= _MOST_DIGITS else Exact(math.inf)
