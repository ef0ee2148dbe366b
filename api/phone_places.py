"""Pure: caches where telephone numbers are in messages that were read before, and never the numbers themselves.

A shop's composer reads the same newest messages every few seconds. The search of 50 messages takes as long as the rest
of the answer. The cache holds a hash of a message's content and the places of its numbers in these bytes. Hash and
places reveal nothing of the message, even after its deletion. A place is used only for the same bytes in which it was
found.
"""

import re
from itertools import islice
from typing import Final

from api.phone_characters import DIGITS, DIGITS_ALONE, SEPARATORS
from api.phones import in_message

REMEMBERED: Final = 10_000
"""Limit: messages for which one process caches the places of numbers. The newest 50 messages of 200 shops fit in, and
need about 3 MB.
"""
_PREFIXES: Final = ("+855", "+")
"""Prefixes of a number that may be absent in the text, because a number dialled in Cambodia begins with 0."""
_DIGIT = re.compile(rb"[0-9]|\xe1\x9f[\xa0-\xa9]|\xe0\xb9[\x90-\x99]|\xef\xbc[\x90-\x99]")
"""Matches a Latin, Khmer, Thai or full-width digit in UTF-8."""
_DIGITS_LOOKED_AT: Final = 2_000
"""Digits of one message that are examined: twice the digits of a pasted list of forty orders. Numbers after
these digits are searched for at each reading, with the bounds of `api/phones.py`.
"""
_LATIN: Final = {chr(odd).encode(): digit for odd, digit in DIGITS.items()} | {b"%d" % n: str(n) for n in range(10)}
"""The Latin digit of each digit in UTF-8."""
_SEPARATORS: Final = SEPARATORS.encode()

_Place = tuple[str, int, int]
"""The prefix of the E.164 number, and where its other digits begin and end."""


class PhoneNumbers:
    """Finds the telephone numbers in messages that are read.

    The hash is Python's own: SipHash, 64 bits, with a random key for each process. The probability that a message is
    confused with one of 10,000 others is 5e-16.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._known: dict[int, tuple[_Place, ...] | None] = {}
        """The places by hash; None if they are not known."""

    def find(self, content: bytes) -> list[str]:
        """Returns the same as `phones.in_message`."""
        hash_ = hash(content)
        places = self._known.get(hash_)
        if places is not None:
            return [_read(content, place) for place in places] if places else []
        numbers = in_message(content)
        if not numbers:
            self._remember(hash_, ())
        elif hash_ in self._known:
            self._remember(hash_, _places_of(numbers, content))
        else:
            self._remember(hash_, None)  # the places are found at the second reading, and used from the third on
        return numbers

    def _remember(self, hash_: int, places: tuple[_Place, ...] | None) -> None:
        if len(self._known) >= self._remembered and hash_ not in self._known:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[hash_] = places


def _places_of(numbers: list[str], content: bytes) -> tuple[_Place, ...] | None:
    """Returns where these numbers are in the JSON. None if one of them cannot be read from its place again."""
    places = []
    digits = list(islice(_DIGIT.finditer(content, max(content.find(b'"text":"'), 0)), _DIGITS_LOOKED_AT))
    row = "".join([_LATIN[digit[0]] for digit in digits])
    for number in numbers:
        prefix = next(prefix for prefix in _PREFIXES if number.startswith(prefix))
        rest = number.removeprefix(prefix)
        at = row.find(rest)
        if at < 0:
            return None
        place = prefix, digits[at].start(), digits[at + len(rest) - 1].end()
        if _read(content, place) != number:
            return None
        places.append(place)
    return tuple(places)


def _read(content: bytes, place: _Place) -> str:
    prefix, start, end = place
    digits = content[start:end].translate(None, _SEPARATORS)
    if digits.isdigit():
        return prefix + digits.decode()
    return prefix + digits.decode(errors="replace").translate(DIGITS_ALONE)
