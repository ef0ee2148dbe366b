"""The query of a reader of messages."""

from dataclasses import dataclass

from domain.ids import ConversationId, PageId
from domain.message import Direction


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
