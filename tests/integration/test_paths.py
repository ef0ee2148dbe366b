"""Unusual ids in a path: every listed item can be read and deleted."""

from urllib.parse import quote

import pytest

from tests.callers import CUSTOMER, PAGE, Facebook, Shop, mint
from tests.facebook import refusal
from tests.service import Service

AWKWARD = [
    "m_a/b",
    "m_/",
    "/m_1",
    "m_a//b",
    "m_..",
    "m_%2F",
    "m_a%2Fb/c",
    "m_a?b=c#d",
    "m_a b+c",
    "m_ឈ្មោះ/ហាង",
    "../m_1",
]


@pytest.mark.parametrize("mid", AWKWARD)
def test_a_message_of_any_id_is_read_and_deleted(shop: Shop, facebook: Facebook, mid: str) -> None:
    """The path has the percent-encoded id, as `encodeURIComponent` writes it."""
    facebook.text(mid)
    facebook.text("m_other")
    address = f"/messages/{quote(mid, safe='')}"
    assert shop.get(address)["id"] == mid
    assert shop.purge_completely(address)["messages_deleted"] == 1
    assert shop.ids() == ["m_other"]
    assert refusal(shop.client.get(address)) == (404, "message_not_found")


@pytest.mark.parametrize("customer", ["7/8", "7/", "7%2F8"])
def test_a_conversation_of_any_id_is_blocked_and_deleted(shop: Shop, facebook: Facebook, customer: str) -> None:
    """The customer with this id can be deleted too."""
    facebook.text("m_1", customer=customer)
    facebook.text("m_2", customer=CUSTOMER)
    (one,) = (found for found in shop.walk("/conversations") if found["customer_id"] == customer)
    address = f"/conversations/{quote(one['id'], safe='')}"
    assert shop.get(f"{address}/blocked") == {"conversation_id": f"{PAGE}_{customer}", "blocked": False}
    assert shop.purge_completely(f"/customers/{quote(customer, safe='')}")["messages_deleted"] == 1
    assert shop.purge_completely(address)["messages_deleted"] == 0
    assert shop.ids() == ["m_2"]


@pytest.mark.parametrize(
    "path", ["/v1/shops/shop-1%2Fmessages", "/v1/shops/shop-1%2fmessages", "/%76%31/shops/shop-1%2Fmessages"]
)
def test_an_encoded_slash_never_divides_a_path(service: Service, shop: Shop, facebook: Facebook, path: str) -> None:
    """A proxy that allows only some paths sees the same path as this service."""
    facebook.text("m_1")
    answer = shop.client.get(f"{service.url}{path}")
    assert refusal(answer) == (403, "wrong_shop")
    answer = shop.client.delete(f"{service.url}{path}")
    assert refusal(answer)[0] in {403, 405}
    assert shop.ids() == ["m_1"]


@pytest.mark.parametrize("path", ["/console/%2F", "/%2F", "/docs%2F", "/console/x/%2Fy", "/%2Fwebhook"])
def test_an_encoded_slash_in_a_path_without_ids_is_answered_404(service: Service, shop: Shop, path: str) -> None:
    """On paths without ids, an encoded slash is answered 404."""
    assert refusal(shop.client.get(f"{service.url}{path}"))[0] == 404


def test_a_shop_with_a_slash_in_its_id_is_read(service: Service) -> None:
    """The path and the token have the same shop."""
    with Shop(service.url, "a/b", mint("a/b")) as own:
        answer = own.client.get(f"{service.url}/v1/shops/a%2Fb")
        assert answer.json()["shop"] == "a/b"
        assert own.client.get(f"{service.url}/v1/shops/a/b").status_code == 404
