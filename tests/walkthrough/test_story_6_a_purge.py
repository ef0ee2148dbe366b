"""Story 6: the owner deletes everything."""

from tests.support import wait_until_blocking
from tests.walkthrough.conftest import CUSTOMER, PAGE, Inbox, says


def test_purged_messages_cannot_be_read_and_a_redelivery_is_not_stored(inbox: Inbox) -> None:
    """A redelivery of a purged message is recognised. Later messages of customers are stored as usual."""
    shop = inbox.shop("sokha")
    message = says("m_1", "My number is 012 345 678")
    inbox.facebook.delivers(message, says("m_2", "And my address"))

    receipt = shop.delete("messages")

    assert receipt["what"] == "shop"
    assert receipt["requested_by"] == "owner@sokha"
    assert shop.reads() == []
    assert shop.get("conversations")["conversations"] == []
    inbox.facebook.delivers(message)
    assert shop.reads() == []
    inbox.facebook.delivers(says("m_3", "Hello again"))
    assert shop.reads() == ["Hello again"]


def test_the_receipt_can_be_read_later(inbox: Inbox) -> None:
    """The status `complete` says that the bytes are erased too. The receipt names no customer and no content."""
    shop = inbox.shop("sokha")
    inbox.facebook.delivers(says("m_1", "one"), says("m_2", "two"))
    path = f"purges/{shop.delete('messages')['purge_id']}"
    wait_until_blocking(lambda: shop.get(path)["status"] == "complete")
    assert shop.get(path)["messages_deleted"] == 2


def test_one_conversation_or_one_message_can_be_deleted_alone(inbox: Inbox) -> None:
    """All other messages stay."""
    shop = inbox.shop("sokha")
    inbox.facebook.delivers(
        says("m_1", "one"), says("m_2", "two"), says("m_3", "three", customer="8"), says("m_4", "four", customer="9")
    )
    assert shop.delete("messages/m_3")["what"] == "message"
    assert shop.delete(f"conversations/{PAGE}_{CUSTOMER}")["what"] == "conversation"
    assert shop.reads() == ["four"]
