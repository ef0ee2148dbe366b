"""The shop, its pause and its Pages."""

import pytest

from api.models import PageModel, PagesModel, ShopModel
from tests.unit.api.fakes import SHOP, House, Refused

PAGE = {"page_id": "104200000000001", "connected_at": "2026-02-02T02:40:00.000Z"}


@pytest.mark.parametrize("path", [SHOP, f"{SHOP}/"])
def test_a_shop_is_read_and_paused_with_and_without_the_last_slash(house: House, path: str) -> None:
    """Both addresses are the contract's dot."""
    answer = house.client.get(path, follow_redirects=False)
    assert answer.json() == {"shop": "demo", "paused": False, "pages": [PAGE]}
    ShopModel.model_validate_json(answer.content)
    answer = house.client.patch(path, json={"paused": True}, follow_redirects=False)
    assert answer.json() == {"shop": "demo", "paused": True, "pages": [PAGE]}
    assert house.client.get(path).json()["paused"] is True


def test_pages_are_listed_and_read_one_by_one(house: House) -> None:
    """With the moment of their connection."""
    answer = house.client.get(f"{SHOP}/pages")
    assert answer.json() == {"pages": [PAGE]}
    PagesModel.model_validate_json(answer.content)
    answer = house.client.get(f"{SHOP}/pages/104200000000001")
    assert answer.json() == PAGE
    PageModel.model_validate_json(answer.content)


def test_a_page_of_nobody_is_not_found(house: House) -> None:
    """Nor is another shop's."""
    answer = house.client.get(f"{SHOP}/pages/2")
    assert (answer.status_code, answer.json()["reason"]) == (404, "page_not_found")


def test_a_page_is_connected_for_webhooks_alone(house: House) -> None:
    """With `{}`."""
    answer = house.client.put(f"{SHOP}/pages/2", json={})
    assert answer.json() == {"page_id": "2", "connected_at": "2026-02-02T02:40:00.000Z"}
    assert house.store.asked == ("connect", "demo", "2")


def test_another_shops_page_is_a_conflict(house: House) -> None:
    """409, as the contract says."""
    house.store.fails = Refused("conflict", "page_of_another_shop")
    answer = house.client.put(f"{SHOP}/pages/2", json={})
    assert (answer.status_code, answer.json()["reason"]) == (409, "page_of_another_shop")
