"""Pure: JSON that stays on one line for every reader.

JSON escapes the line ends of ASCII. Readers that split a stream or an export by Unicode's rules also end a line at
U+0085, U+2028 and U+2029.
"""

from typing import Final

_ESCAPES: Final = tuple((sign.encode(), b"\\u%04x" % ord(sign)) for sign in "\x85\u2028\u2029")


def on_one_line(item: bytes) -> bytes:
    """Returns the same JSON value, in UTF-8, with these three characters as `\\uXXXX`."""
    for sign, escape in _ESCAPES:
        if sign in item:
            item = item.replace(sign, escape)
    return item
