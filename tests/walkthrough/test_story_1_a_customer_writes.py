"""Story 1: a customer writes to a Page, and the shop reads it. This is what Page Inbox is for."""

from domain.moment import from_text
from tests.walkthrough.conftest import CUSTOMER, PAGE, Inbox, says

FIVE_DAYS = 5 * 24 * 60 * 60 * 1000


def test_a_customer_writes_and_the_shop_reads(inbox: Inbox) -> None:
    """Facebook is answered 200 when the message is stored. From then on the shop can read the message for five days."""
    assert inbox.facebook.delivers(says("m_1", "អាវនេះនៅមានទេ?")) == 200

    answer = inbox.shop("sokha", "messages:read").get("messages")
    (message,) = answer["messages"]
    assert answer["next_cursor"] is None, "there is no second page"
    assert message["id"] == "m_1"
    assert message["text"] == "អាវនេះនៅមានទេ?"
    assert message["direction"] == "in"
    assert message["conversation_id"] == f"{PAGE}_{CUSTOMER}"

    received, expires = from_text(message["received_at"]), from_text(message["expires_at"])
    assert received is not None
    assert expires == received + FIVE_DAYS


def test_a_delivery_without_the_correct_signature_is_not_stored(inbox: Inbox) -> None:
    """Every sender can reach /webhook. Only a sender who knows the app secret is accepted."""
    assert inbox.impostor.delivers(says("m_1", "Send the parcel to me instead")) == 401
    assert inbox.shop("sokha").reads() == []
