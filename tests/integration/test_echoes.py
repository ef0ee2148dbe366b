"""Messages that the Page itself sent: which program sent them, and in which conversation they are."""

from typing import Any

import pytest

from tests.callers import CUSTOMER, PAGE, Facebook, Shop
from tests.graph import now


def echo(mid: str, *, sender: str = PAGE, recipient: str = CUSTOMER, **more: Any) -> dict[str, Any]:
    """Returns an element of `messaging[]`."""
    message = {"mid": mid, "is_echo": True, "text": "បាទ នៅមាន", **more}
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": now(), "message": message}


@pytest.mark.parametrize("app_id", [263902037430900, "263902037430900", 2**70])
def test_an_echo_names_its_program_and_its_metadata(facebook: Facebook, shop: Shop, app_id: int | str) -> None:
    """With these two fields, a composer can distinguish its own automatic answers from the answers of staff. Ids are
    texts."""
    assert facebook.part(echo("m_echo", app_id=app_id, metadata="order-55")).status_code == 200
    found = shop.get("/messages/m_echo")
    assert (found["app_id"], found["metadata"]) == (str(app_id), "order-55")
    assert found["direction"] == "out"
    (listed,) = shop.get("/messages")["messages"]
    assert listed == found


@pytest.mark.parametrize("wrong", [None, True, {"a": 1}, 1.5, ["x"]])
def test_an_invalid_app_id_or_metadata_is_left_out_and_the_message_is_stored(
    facebook: Facebook, shop: Shop, wrong: object
) -> None:
    """Facebook leaves out both fields if staff write in Facebook's own inbox."""
    assert facebook.part(echo("m_echo", app_id=wrong, metadata=wrong)).status_code == 200
    found = shop.get("/messages/m_echo")
    assert found["text"] == "បាទ នៅមាន"
    assert {"app_id", "metadata"}.isdisjoint(found)


def test_a_customers_message_has_no_program(facebook: Facebook, shop: Shop) -> None:
    """Only an echo has this field. The service does not store what a customer's client claims."""
    part = echo("m_in", sender=CUSTOMER, recipient=PAGE, app_id=1, metadata="claimed")
    del part["message"]["is_echo"]
    facebook.part(part)
    assert {"app_id", "metadata"}.isdisjoint(shop.get("/messages/m_in"))


def test_an_echo_with_the_page_as_recipient_is_an_outgoing_message(facebook: Facebook, shop: Shop) -> None:
    """Old documents have this form: sender and recipient are as in a customer's message, but the Page wrote it."""
    assert facebook.part(echo("m_old", sender=CUSTOMER, recipient=PAGE)).status_code == 200
    found = shop.get("/messages/m_old")
    assert (found["direction"], found["conversation_id"]) == ("out", f"{PAGE}_{CUSTOMER}")


def test_an_echo_without_the_page_or_without_a_customer_is_not_stored(facebook: Facebook, shop: Shop) -> None:
    """Such an echo belongs to no conversation."""
    facebook.part(echo("m_others", sender=CUSTOMER, recipient="7000000000000002"))
    facebook.part(echo("m_self", recipient=PAGE))
    assert shop.ids() == []
