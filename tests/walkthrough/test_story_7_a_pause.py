"""Story 7: the owner pauses the shop or a Page, or blocks a customer who objects, and continues later."""

from tests.support import wait_until_blocking
from tests.walkthrough.conftest import CUSTOMER, PAGE, Inbox, says


def test_a_paused_shop_stores_no_new_message_and_keeps_its_stored_messages(inbox: Inbox) -> None:
    """Facebook is answered 200. Otherwise it would deliver again, and in the end unsubscribe the Page."""
    shop = inbox.shop("sokha")
    inbox.facebook.delivers(says("m_1", "before"))

    shop.pauses(True)
    assert shop.get("")["paused"] is True
    assert inbox.facebook.delivers(says("m_2", "during")) == 200
    assert shop.reads() == ["before"]

    shop.pauses(False)
    inbox.facebook.delivers(says("m_3", "after"))
    assert shop.reads() == ["after", "before"]


def test_messages_of_a_blocked_customer_are_deleted_and_not_stored(inbox: Inbox) -> None:
    """The customer's stored messages are deleted. New messages are not stored until the block is removed."""
    shop, conversation = inbox.shop("sokha"), f"{PAGE}_{CUSTOMER}"
    inbox.facebook.delivers(says("m_1", "before"))

    purge = shop.blocks(conversation)["purge"]["purge_id"]
    wait_until_blocking(lambda: shop.get(f"purges/{purge}")["messages_deleted"] == 1)
    assert inbox.facebook.delivers(says("m_2", "during")) == 200
    assert shop.reads() == []
    assert shop.get(f"conversations/{conversation}/blocked")["blocked"] is True

    shop.delete(f"conversations/{conversation}/blocked")
    inbox.facebook.delivers(says("m_3", "after"))
    assert shop.reads() == ["after"]


def test_a_paused_page_stores_nothing_new(inbox: Inbox) -> None:
    """The shop's other Pages continue to store."""
    shop = inbox.shop("sokha")
    shop.pauses(True, f"pages/{PAGE}")
    assert inbox.facebook.delivers(says("m_1", "during")) == 200
    assert shop.reads() == []
    shop.pauses(False, f"pages/{PAGE}")
    inbox.facebook.delivers(says("m_2", "after"))
    assert shop.reads() == ["after"]
