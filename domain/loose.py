"""What the JSON of others may hold and ours must not: endless ids, numbers that readers round, halves of emojis."""

import math
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

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ESCAPED: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|\\)"
)
"""In JSON: both halves of an emoji, one half alone, or a backslash, behind which `ud83d` is no escape."""
_HALF: Final = len(b"\\ud83d")
_LONGEST_NUMBER: Final = 64
"""Digits. Ids have about 20. Python itself refuses to read 4,300."""


def repaired(body: bytes) -> bytes:
    """JSON without a byte order mark and with U+FFFD for each half of an emoji: what a strict parser takes.

    One pass over the bytes, so that a body of any shape costs the event loop little.
    """
    return _ESCAPED.sub(_without_half, body.removeprefix(_BYTE_ORDER_MARK))


def _without_half(escaped: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if len(escaped[0]) == _HALF else escaped[0]


def whole_number(digits: str) -> int | float:
    """For `json.loads`: a whole number of any sensible length as it is; infinity for an absurdly long one."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf


def refused_constant(constant: str) -> Any:
    """For `json.loads`: NaN and Infinity are Python's, not JSON's. Raises ValueError."""
    raise ValueError(constant)
