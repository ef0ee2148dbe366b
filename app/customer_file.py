"""Pure: the ids of a list of customers to delete, as Facebook's notices give it or as somebody typed it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from domain.ids import Psid

_ID: Final = re.compile(r"[0-9]{1,64}")
"""Facebook writes page-scoped and app-scoped ids in decimal digits, about 16 of them."""
_BETWEEN: Final = re.compile(r"[\s,;]+")
_QUOTES: Final = "\"'"


@dataclass(frozen=True, slots=True)
class CustomerList:
    """What a file holds: each id once, in its order, and the numbers of the lines with something that is none."""

    ids: tuple[Psid, ...]
    refused_lines: tuple[int, ...]


def read_customers(lines: Iterable[str]) -> CustomerList:
    """Ids one a line, or separated by commas, semicolons or spaces, with quotes or without.

    A first line without any id is taken for a header.
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
        if len(found) < len(words) and (found or begun):
            refused.append(number)
        begun = True
    return CustomerList(tuple(ids), tuple(refused))


def listed(numbers: tuple[int, ...], most: int = 20) -> str:
    """Line numbers for people: `4, 17, 99 and 3 more`."""
    told = ", ".join(map(str, numbers[:most]))
    return told if len(numbers) <= most else f"{told} and {len(numbers) - most} more"
