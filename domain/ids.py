"""Identifiers. All are opaque strings. They are compared and passed on, but never parsed or used as numbers."""

from typing import NewType

ShopId = NewType("ShopId", str)
PageId = NewType("PageId", str)
Psid = NewType("Psid", str)
"""A person's id, valid for one Page. The same person has a different id at each Page."""
MessageId = NewType("MessageId", str)
"""Facebook's `mid`."""
ConversationId = NewType("ConversationId", str)
PurgeId = NewType("PurgeId", str)


def conversation_of(page: PageId, customer: Psid) -> ConversationId:
    """Returns the id of a customer's conversation with a Page."""
    return ConversationId(f"{page}_{customer}")
