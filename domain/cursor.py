"""Walking through what is kept."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """Some items, and the opaque cursor to go on from; `next_cursor` None is the end."""

    items: list[Item]
    next_cursor: str | None
