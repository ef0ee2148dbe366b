"""Pure: remembers where telephone numbers stand in messages that were read before, and never what they are.

A shop's composer reads the same newest messages again every few seconds; to find the numbers of 50 messages anew takes
longer than all else about answering them. What is remembered of a message is a hash of all of its JSON, and the places
of its numbers in it: nothing from which anything of it can be told, before or after it is gone. A place serves only
together with the very bytes it was found in.
"""

import re
from collections.abc import Iterable
from typing import Final

from api.phones import DIGITS, in_item, plain_text, with_numbers

REMEMBERED: Final = 10_000
"""Messages: the newest 50 of 200 shops, in some 3 MB."""
_BEGINNINGS: Final = ("+855", "+")
"""What may not stand before a number's digits in the text: dialled in Cambodia it begins with 0."""
_SEPARATORS: Final = b" -./()~"
_DIGIT = re.compile(rb"[0-9]|\xe1\x9f[\xa0-\xa9]|\xe0\xb9[\x90-\x99]|\xef\xbc[\x90-\x99]")
"""Latin, Khmer, Thai, full width; in UTF-8."""
_READ: Final = DIGITS | dict.fromkeys(_SEPARATORS)

_Place = tuple[str, int, int]
"""What E.164 begins with, and from where to where the remaining digits stand."""


class PhoneNumbers:
    """Adds `phone_numbers` to what is read.

    The hash is Python's own: SipHash, 64 bits, keyed at random in each process. That a message is taken for one of the
    10,000 remembered has a chance of 5e-16, and to be answered a wrong number it must have as many digits there.
    BLAKE2 costs as much as all else about a message that is known.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[_Place, ...], bool]] = {}

    def add(self, item: bytes) -> bytes:
        """The same as `with_phone_numbers`."""
        hash_ = hash(item)
        known = self._known.get(hash_)
        if known is not None:
            places, nested = known
            return with_numbers(item, [read(item, place) for place in places], nested) if places else item
        numbers, nested = in_item(item)
        found = places_of(numbers, item)
        if found is not None:
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]  # the one that has been known for longest
            self._known[hash_] = found, nested
        return with_numbers(item, numbers, nested)


def places_of(numbers: Iterable[str], item: bytes) -> tuple[_Place, ...] | None:
    """Where these numbers, as E.164, stand in the JSON; None where one cannot be read from its place again."""
    places = []
    digits: list[re.Match[bytes]] | None = None
    for number in numbers:
        if digits is None:
            digits = list(_DIGIT.finditer(item, max(item.find(b'"text":"'), 0)))
            row = "".join(plain_text(digit[0].decode()) for digit in digits)
        beginning = next(beginning for beginning in _BEGINNINGS if number.startswith(beginning))
        rest = number.removeprefix(beginning)
        at = row.find(rest)
        if at < 0:
            return None
        place = beginning, digits[at].start(), digits[at + len(rest) - 1].end()
        if read(item, place) != number:
            return None
        places.append(place)
    return tuple(places)


def read(item: bytes, place: _Place) -> str:
    """The number that stands there."""
    beginning, start, end = place
    digits = item[start:end].translate(None, _SEPARATORS)
    return beginning + (digits.decode() if digits.isdigit() else digits.decode(errors="replace").translate(_READ))
