"""Reading a long list in parts."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """Some items, and the opaque cursor for the next part. A `next_cursor` of None is the end.

    `looked_at` is how many items were examined to find them.
    """

    items: list[Item]
    next_cursor: str | None
    looked_at: int = 0
