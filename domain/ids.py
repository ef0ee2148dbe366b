"""Identifiers. All are opaque strings: compared and passed on, never parsed or counted with."""

from typing import NewType

ShopId = NewType("ShopId", str)
PageId = NewType("PageId", str)
Psid = NewType("Psid", str)
"""A person's id, scoped to one Page: the same person has another one at another Page."""
MessageId = NewType("MessageId", str)
"""Facebook's `mid`."""
ConversationId = NewType("ConversationId", str)
PurgeId = NewType("PurgeId", str)


def conversation_of(page: PageId, customer: Psid) -> ConversationId:
    """The one conversation a customer has with a Page."""
    return ConversationId(f"{page}_{customer}")
