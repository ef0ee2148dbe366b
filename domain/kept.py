"""What the store gives to its readers. Times are milliseconds."""

from domain.frozen import frozen
from domain.ids import ConversationId, PageId, Psid


@frozen
class KeptMessage:
    """A message as it is kept.

    `content` is a JSON object as orjson writes it: the members of the API's message (api/models.py) in the order of
    `cache/codec.py`, without those that follow from when it is read and where it stands in the index.
    """

    content: bytes
    received_at: int
    expires_at: int


@frozen
class KeptConversation:
    """A conversation of which at least one message is kept."""

    id: ConversationId
    page: PageId
    customer: Psid
    message_count: int
    last_activity_at: int
    last_message: KeptMessage
