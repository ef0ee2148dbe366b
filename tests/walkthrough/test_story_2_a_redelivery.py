"""Story 2: Facebook delivers a message again, as it does if it has missed the service's answer."""

from tests.walkthrough.conftest import Inbox, says


def test_a_message_that_is_delivered_again_is_stored_once(inbox: Inbox) -> None:
    """The message keeps its position and its expiry time: five days from the first receipt, for any number of
    deliveries."""
    message = says("m_1", "Hello?")
    assert inbox.facebook.delivers(message) == 200
    shop = inbox.shop("sokha")
    first = shop.get("messages/m_1")

    assert inbox.facebook.delivers(message, message) == 200
    assert inbox.facebook.delivers(says("m_2", "Anybody there?")) == 200

    assert shop.reads() == ["Anybody there?", "Hello?"]
    assert shop.get("messages/m_1") == first
