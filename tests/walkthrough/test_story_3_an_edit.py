"""Story 3: a customer edits a message, and Facebook's deliveries arrive in the wrong order."""

from tests.walkthrough.conftest import Inbox, edits, says


def test_the_last_edit_is_kept_for_any_order_of_arrival(inbox: Inbox) -> None:
    """The second edit arrives before the first edit, and both arrive before the message."""
    inbox.facebook.delivers(edits("m_1", "Two red shirts, size M", number=2))
    inbox.facebook.delivers(edits("m_1", "Two red shirts", number=1))
    shop = inbox.shop("sokha")
    assert shop.reads() == [], "there is no message yet to be read"

    inbox.facebook.delivers(says("m_1", "Two shirts"))

    (message,) = shop.get("messages")["messages"]
    assert (message["text"], message["edits"]) == ("Two red shirts, size M", 2)


def test_an_edit_does_not_change_the_expiry_time_of_the_message(inbox: Inbox) -> None:
    """The five days begin with the receipt of the message."""
    inbox.facebook.delivers(says("m_1", "Two shirts"))
    shop = inbox.shop("sokha")
    before = shop.get("messages/m_1")

    inbox.facebook.delivers(edits("m_1", "Three shirts", number=1))

    assert shop.get("messages/m_1") == before | {"text": "Three shirts", "edits": 1}
