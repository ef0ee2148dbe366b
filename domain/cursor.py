"""Walking through what is kept."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """Some items, and the opaque cursor to go on from; `next_cursor` None is the end.

    `looked_at` is how many were looked at to find them.
    """

    items: list[Item]
    next_cursor: str | None
    looked_at: int = 0
