"""What JSON of others may hold that ours must not: endless ids, numbers that readers bend, halves of emojis."""

import re
from typing import Any, Final

MID_LENGTH: Final = 512
"""The longest message id taken; today's have 88 characters, their form is not promised."""
ID_LENGTH: Final = 128
"""The longest Page id or person's id taken; today's have about 20 digits."""

SAFE_INTEGER: Final = 2**53
"""Beyond it, a reader whose numbers are floats (JavaScript) bends a whole number: it is passed on as text."""

REPLACEMENT: Final = "\ufffd"
"""Stands for half an emoji (`"\\ud83d"`), which clients that cut texts do send and UTF-8 cannot carry."""

_LONE_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_DEEPEST: Final = 64
"""What is nested deeper is cut off; the deepest that is kept is sixteen deep."""


def mended(value: Any, depth: int = _DEEPEST) -> Any:
    """The same JSON value in strings that UTF-8 can carry."""
    if depth == 0:
        return None
    if type(value) is str:
        return _LONE_SURROGATES.sub(REPLACEMENT, value)
    if type(value) is dict:
        return {mended(key): mended(item, depth - 1) for key, item in value.items()}
    if type(value) is list:
        return [mended(item, depth - 1) for item in value]
    return value


def refused_constant(constant: str) -> Any:
    """For `json.loads`: NaN and Infinity are Python's, not JSON's. Raises ValueError."""
    raise ValueError(constant)
