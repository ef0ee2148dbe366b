"""Pure: the characters that people use for digits and for separators between digits."""

import re
from typing import Final

_INVISIBLE: Final = (*range(0x2000, 0x2010), *range(0x202A, 0x2030), *range(0x205F, 0x2065), *range(0x2066, 0x206A))
DIGITS: Final = {ord(first) + value: str(value) for first in "០๐０" for value in range(10)}
"""The Latin digit for each Khmer, Thai or full-width digit."""
_PLAIN: Final[dict[int, str | None]] = {
    **DIGITS,
    # An invisible character separates digits as a space does. 17B4 and 17B5 are Khmer vowels without a shape.
    **dict.fromkeys((*_INVISIBLE, 0x9, 0xA0, 0x3000, 0x17B4, 0x17B5, 0xFEFF), " "),
    **dict.fromkeys((0x2028, 0x2029, 0xD), "\n"),
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0xFF0D), "-"),
    **{ord(wide): narrow for wide, narrow in zip("（）＋．／：，", "()+./:,", strict=True)},
    **dict.fromkeys((0xAD, 0xFE0F, 0x20E3)),  # a soft hyphen, and the two parts of a keycap digit
}
SEPARATORS: Final = " -./()~"
"""The separators between the digits of one number, after conversion to plain text."""
_UNCHANGED: Final = SEPARATORS + "0123456789"
_ODD_CLASS: Final = re.escape("".join(map(chr, _PLAIN)))
_ODD = re.compile(f"[{_ODD_CLASS}][{_ODD_CLASS}{re.escape(_UNCHANGED)}]*")
"""Matches from an odd character to the end of the digits and separators. So one call converts a text in which odd and
plain characters alternate.
"""
_TABLE: Final = _PLAIN | {ord(same): same for same in _UNCHANGED}


DIGITS_ALONE: Final = {ord(separator): None for separator in SEPARATORS} | {
    odd: None if meant in (None, *SEPARATORS) else meant for odd, meant in _PLAIN.items()
}
"""For `str.translate`: turns the digits of one number and the separators between them into Latin digits."""


def plain_text(text: str) -> str:
    """Returns the text with Latin digits. Separators become a space, a hyphen or a line end."""
    return text if text.isascii() else _ODD.sub(lambda odd: odd[0].translate(_TABLE), text)


def spellings(*plain: str | None) -> str:
    """Returns all characters that `plain_text` turns into one of `plain` (for None: that it leaves out). They are
    escaped for a character class.
    """
    return re.escape("".join([*filter(None, plain), *(chr(odd) for odd, meant in _PLAIN.items() if meant in plain)]))
