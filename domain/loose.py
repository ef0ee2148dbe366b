"""Converts values of foreign JSON that the service must not pass on: endless ids, numbers that readers round, halves of
emojis."""

import math
import re
from typing import Any, Final

MID_LENGTH: Final = 512
"""Characters of the longest accepted message id. Today's ids have 88. Facebook promises no length of its ids."""
ID_LENGTH: Final = 128
"""Characters of the longest accepted id of a Page or a person. Today's ids have about 20 digits."""

SAFE_INTEGER: Final = 2**53
"""A reader whose numbers are floats (JavaScript) rounds a larger whole number, so a larger number is passed on as
text.
"""

REPLACEMENT: Final = "\ufffd"
"""Replaces half an emoji (`"\\ud83d"`), which some clients send when they cut texts, and which UTF-8 cannot encode."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ESCAPED: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|\\)"
)
"""Finds in JSON both halves of an emoji, one half alone, or an escaped backslash. After an escaped backslash, `ud83d`
is not an escape.
"""
_HALF: Final = len(b"\\ud83d")
_LONGEST_NUMBER: Final = 64
"""Digits. Ids have about 20. Python itself refuses a whole number with more than 4,300 digits."""


def repaired(body: bytes) -> bytes:
    """Returns JSON that a strict parser accepts: without a byte order mark and with U+FFFD for each half of an emoji.

    The function reads the bytes once, so a body of any shape blocks the event loop only briefly.
    """
    return _ESCAPED.sub(_without_half, body.removeprefix(_BYTE_ORDER_MARK))


def _without_half(escaped: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if len(escaped[0]) == _HALF else escaped[0]


def whole_number(digits: str) -> int | float:
    """For `json.loads`: returns the whole number with these digits, and infinity if it has more than 64 digits."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf


def refused_constant(constant: str) -> Any:
    """For `json.loads`: NaN and Infinity are valid in Python, but not in JSON. Raises ValueError."""
    raise ValueError(constant)
