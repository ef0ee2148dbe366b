"""Identifiers. Every id is a string and never used as a number. The code reads the parts of only two kinds of ids. The
id of a conversation is the id of its Page, `_`, and the id of the customer. The id of a message may begin with `m_`,
which is ignored when the message is looked up, or with `TAP` (domain/message.py).
"""

from typing import NewType

ShopId = NewType("ShopId", str)
PageId = NewType("PageId", str)
Psid = NewType("Psid", str)
"""A person's id, valid for one Page. The same person has a different id at each Page."""
MessageId = NewType("MessageId", str)
"""Facebook's `mid`, or our id of a tap without a `mid`."""
ConversationId = NewType("ConversationId", str)
PurgeId = NewType("PurgeId", str)


def conversation_of(page: PageId, customer: Psid) -> ConversationId:
    """Returns the id of a customer's conversation with a Page."""
    return ConversationId(f"{page}_{customer}")
