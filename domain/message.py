"""The message, in the form that all parts of the service use."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from domain.frozen import frozen
from domain.ids import ConversationId, MessageId, PageId, Psid, conversation_of

Direction = Literal["in", "out"]
Kind = Literal["message", "postback"]

Fact = dict[str, Any]
"""A JSON object in the shape in which the API answers it."""

TAP: Final = "postback:"
"""The beginning of the id that the service makes for a tap on a button, if Facebook sends the tap without an id."""


@frozen
class Message:
    """One message between a customer and a Page.

    `sent_at` is Facebook's time in milliseconds, or None if Facebook sent none. Absent facts are None. `app_id` is the
    app that sent an echo, and `metadata` is that app's note.
    """

    id: MessageId
    page: PageId
    customer: Psid
    direction: Direction
    kind: Kind
    sent_at: int | None
    text: str | None = None
    attachments: list[Fact] | None = None
    quick_reply: Fact | None = None
    reply_to: Fact | None = None
    postback: Fact | None = None
    referral: Fact | None = None
    standby: bool = False
    edits: int = 0
    app_id: str | None = None
    metadata: str | None = None

    @property
    def conversation(self) -> ConversationId:
        """Returns the conversation of the message."""
        return conversation_of(self.page, self.customer)


@dataclass(frozen=True, slots=True)
class Edit:
    """A new text for a message. The edit with the highest `number` counts. The order of arrival does not matter."""

    id: MessageId
    page: PageId
    customer: Psid | None
    number: int
    text: str | None
    sent_at: int | None

    @property
    def conversation(self) -> ConversationId | None:
        """Returns the conversation of the message, or None if Facebook does not name the customer."""
        return None if self.customer is None else conversation_of(self.page, self.customer)


@dataclass(frozen=True, slots=True)
class Unsend:
    """The sender took a message back. The unsend may arrive before the message."""

    id: MessageId
    page: PageId
    sent_at: int | None
