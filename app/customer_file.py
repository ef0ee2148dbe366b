"""Pure: the ids of a list of customers to delete, as Facebook's notices give it or as a person typed it.

The list is read whole or not at all: an id that is misread is a customer who stays.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.ids import Psid

_ID: Final = re.compile(r"[0-9]{8,64}")
"""Facebook writes page-scoped and app-scoped ids in decimal digits, about 16 of them. A shorter number is a part of an
id that was written with separators, as 7,000,000,000,000,001."""
_BETWEEN: Final = re.compile(r"[\s,;]+")
_QUOTES: Final = "\"'"
_DIGIT: Final = re.compile(r"\d")

_EXACT_DIGITS: Final = 15
"""A spreadsheet keeps so many digits of a number and writes zeros for the others."""
_NOT_BY_CHANCE: Final = 5
"""So many ids that all end in such zeros are no accident: one list in 100,000 is like that."""


@dataclass(frozen=True, slots=True)
class CustomerList:
    """What a file holds: each id once, in its order; the numbers of the lines with something that is no id; and whether
    a spreadsheet seems to have rounded the ids.
    """

    ids: tuple[Psid, ...]
    refused_lines: tuple[int, ...]
    rounded: bool = False


def read_customers(lines: Iterable[str]) -> CustomerList:
    """Ids one a line, or separated by commas, semicolons or spaces, with quotes or without.

    A first line in which no word has a digit is a header.
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
    """Whether every id that is longer than a spreadsheet's numbers ends in zeros."""
    long = [one for one in ids if len(one) > _EXACT_DIGITS]
    return len(long) >= _NOT_BY_CHANCE and all(set(one[_EXACT_DIGITS:]) == {"0"} for one in long)


def listed(numbers: tuple[int, ...], most: int = 20) -> str:
    """Line numbers for people: `4, 17, 99 and 3 more`."""
    told = ", ".join(map(str, numbers[:most]))
    return told if len(numbers) <= most else f"{told} and {len(numbers) - most} more"
