"""Pure: reads a list of customers to delete. The list comes from Facebook's notices, or from a person.

A list with one wrong line is refused as a whole, because a customer with a misread id would not be deleted.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.ids import Psid

_ID: Final = re.compile(r"[0-9]{8,64}")
"""Facebook writes page-scoped and app-scoped ids as about 16 decimal digits. A number with fewer than 8 digits is part
of an id that was written with separators, for example 7,000,000,000,000,001."""
_BETWEEN: Final = re.compile(r"[\s,;]+")
_QUOTES: Final = "\"'"
_DIGIT: Final = re.compile(r"\d")

_EXACT_DIGITS: Final = 15
"""A spreadsheet keeps this many digits of a number and replaces the others with zeros."""
_NOT_BY_CHANCE: Final = 5
"""The minimum number of long ids from which rounding can be detected. If all long ids end in zeros after the exact
digits, a spreadsheet has rounded them. One list in 100,000 looks so although no spreadsheet has rounded it."""


@dataclass(frozen=True, slots=True)
class CustomerList:
    """The content of a file.

    `ids` has each id once, in the order of the file. `refused_lines` has the numbers of the lines that contain
    something other than ids. `rounded` is True if a spreadsheet seems to have rounded the ids.
    """

    ids: tuple[Psid, ...]
    refused_lines: tuple[int, ...]
    rounded: bool = False


def read_customers(lines: Iterable[str]) -> CustomerList:
    """Read ids, one per line or separated by commas, semicolons or spaces, with or without quotes.

    If the first line that is not empty has no digit, it is a header.
    """
    ids: dict[Psid, None] = {}
    refused: list[int] = []
    begun = False
    for number, line in enumerate(lines, 1):
        words = [bare for word in _BETWEEN.split(line.lstrip("\ufeff")) if (bare := word.strip(_QUOTES))]
        if not words:
            continue
        found = [word for word in words if _ID.fullmatch(word)]
        ids.update(dict.fromkeys(map(Psid, found)))
        header = not begun and not any(map(_DIGIT.search, words))
        if len(found) < len(words) and not header:
            refused.append(number)
        begun = True
    return CustomerList(tuple(ids), tuple(refused), _rounded(tuple(ids)))


def _rounded(ids: Sequence[Psid]) -> bool:
    """Returns True if there are at least five ids with more than 15 digits, and all of them have only zeros after the
    15th digit.
    """
    long = [one for one in ids if len(one) > _EXACT_DIGITS]
    return len(long) >= _NOT_BY_CHANCE and all(set(one[_EXACT_DIGITS:]) == {"0"} for one in long)


def listed(numbers: tuple[int, ...], most: int = 20) -> str:
    """Returns line numbers as text for people: `4, 17, 99 and 3 more`."""
    text = ", ".join(map(str, numbers[:most]))
    return text if len(numbers) <= most else f"{text} and {len(numbers) - most} more"
