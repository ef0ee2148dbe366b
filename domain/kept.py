"""The objects that the store returns to its readers. Times are milliseconds."""

from dataclasses import dataclass

from domain.frozen import frozen
from domain.ids import ConversationId, PageId, Psid


@frozen
class KeptMessage:
    """A stored message.

    `content` is a JSON object as orjson writes it. It has the members of the API's message (api/models.py) in the order
    of `cache/codec.py`. Members that depend on the time of the read or on the place in the index are left out.
    """

    content: bytes
    received_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class StaffMark:
    """The notes of a shop's staff about a conversation, shared by all staff."""

    conversation: ConversationId
    page: PageId
    done: bool
    unread: bool
    labels: tuple[str, ...]
    marked_at: int


@frozen
class KeptConversation:
    """A conversation with at least one stored message."""

    id: ConversationId
    page: PageId
    customer: Psid
    message_count: int
    last_activity_at: int
    last_message: KeptMessage
    mark: StaffMark | None = None
