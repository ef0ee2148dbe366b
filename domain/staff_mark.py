"""The notes of a shop's staff about a conversation."""

from dataclasses import dataclass

from domain.ids import ConversationId, PageId


@dataclass(frozen=True, slots=True)
class StaffMark:
    """The mark of a conversation, shared by all staff. `marked_at` is in milliseconds."""

    conversation: ConversationId
    page: PageId
    done: bool
    unread: bool
    labels: tuple[str, ...]
    marked_at: int
