"""The query of a reader of messages, and a part of a long list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.ids import ConversationId, PageId
from domain.message import Direction

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """A list page of messages, newest receipt first. Every given filter must match.

    `since` (inclusive) and `until` (exclusive) are milliseconds of the receipt.
    """

    limit: int
    cursor: str | None = None
    conversation: ConversationId | None = None
    page: PageId | None = None
    direction: Direction | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """Some items, and the opaque cursor for the next part. A `next_cursor` of None is the end.

    `looked_at` is how many items were examined to find them.
    """

    items: list[Item]
    next_cursor: str | None
    looked_at: int = 0
