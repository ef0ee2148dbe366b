"""Story 4: a customer unsends a message."""

from tests.walkthrough.conftest import Inbox, says, unsends


def test_an_unsent_message_is_deleted_and_a_redelivery_is_not_stored(inbox: Inbox) -> None:
    """A tombstone without content stays in its place, so that a redelivery does not bring the message back."""
    message = says("m_1", "Please delete my address")
    inbox.facebook.delivers(message, says("m_2", "Thank you"))
    assert inbox.facebook.delivers(unsends("m_1")) == 200

    shop = inbox.shop("sokha")
    assert shop.reads() == ["Thank you"]
    assert shop.get("messages/m_1", status=404)["reason"] == "message_not_found"

    assert inbox.facebook.delivers(message) == 200, "Facebook need not deliver it again"
    assert shop.reads() == ["Thank you"]


def test_a_message_that_arrives_after_its_unsend_is_not_stored(inbox: Inbox) -> None:
    """A later delivery can arrive before an earlier one."""
    inbox.facebook.delivers(unsends("m_1"))
    inbox.facebook.delivers(says("m_1", "Please delete my address"))
    assert inbox.shop("sokha").reads() == []
