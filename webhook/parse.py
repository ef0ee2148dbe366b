"""Body bytes to JSON values: fast, or exactly.

orjson is the fast way. It refuses some JSON that Facebook does send (half an emoji cut off by a client, `"\\ud83d"`)
and rounds whole numbers beyond 64 bits to floats, which would bend an id. Both are read by the standard library
instead, ten times slower and to the letter.
"""

import json
import math
import re
from contextlib import suppress
from typing import Any

import orjson

from webhook.errors import PayloadRefused

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_MOST_DIGITS = 64
"""The longest whole number read as one; ids have about 20 digits. Python itself would refuse 4300, and the body."""
_DEEPEST = 64
"""What is nested deeper is cut off; a message's own payload ends far above, and the rest is not kept."""


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
    with suppress(ValueError, RecursionError):
        text = body.decode("utf-8-sig")
        return _mended(json.loads(text, parse_int=_whole, parse_float=Exact, parse_constant=_refused))
    # Outside the handler: the parser's own error holds the body, and nothing that we raise may lead to it.
    raise PayloadRefused("not_json")


def _whole(digits: str) -> int | Exact:
    return int(digits) if len(digits) <= _MOST_DIGITS else Exact(math.inf)


def _refused(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity are Python's, not JSON's


def _mended(value: Any, depth: int = _DEEPEST) -> Any:
    """The same value in strings that UTF-8 can carry. An id so mended holds U+FFFD and is no id any more."""
    if depth == 0:
        return None
    if type(value) is str:
        return _LONE_SURROGATES.sub(_REPLACEMENT, value)
    if type(value) is dict:
        return {_mended(key): _mended(item, depth - 1) for key, item in value.items()}
    if type(value) is list:
        return [_mended(item, depth - 1) for item in value]
    return value
