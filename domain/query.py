"""The query of a reader of messages, and a part of a long list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.ids import ConversationId, PageId
from domain.message import Direction

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """The query for a list page of messages, last received first. A message must match every given filter.

    `since` (inclusive) and `until` (exclusive) limit the time at which a message was received, in milliseconds.
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
    """Some items, and the opaque cursor for the next part. In the last part, `next_cursor` is None.

    `looked_at` is the number of items that were examined to find the returned items.
    """

    items: list[Item]
    next_cursor: str | None
    looked_at: int = 0
