"""The shop, its pause and its Pages."""

from dataclasses import replace
from typing import Any

import pytest

from api.models import PageModel, PagesModel, ShopModel
from domain.errors import Kind
from domain.shop import PageState
from tests.unit.api.fakes import CONNECTED, NOW, SHOP, House, Refused

MOMENT = "2026-02-02T02:40:00.000Z"
PAGE = {"page_id": "104200000000001", "connected_at": MOMENT, "status": "webhooks_only", "paused": False}
TOKEN = "EAAB-canary"
ALIVE = {
    "token_alive": True,
    "subscribed": True,
    "subscribed_fields": ["messages", "message_edits"],
    "missing_permissions": [],
    "checked_at": MOMENT,
}


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
    """With the moment of their connection; of a Page without a token nothing is told that only a token can have."""
    answer = house.client.get(f"{SHOP}/pages")
    assert answer.json() == {"pages": [PAGE]}
    PagesModel.model_validate_json(answer.content)
    answer = house.client.get(f"{SHOP}/pages/104200000000001")
    assert answer.json() == PAGE
    PageModel.model_validate_json(answer.content)


def test_a_page_is_paused_alone(house: House) -> None:
    """The answer is its state afterwards."""
    answer = house.client.patch(f"{SHOP}/pages/104200000000001", json={"paused": True})
    assert answer.json() == PAGE | {"paused": True}
    PageModel.model_validate_json(answer.content)
    assert house.client.get(SHOP).json() == {"shop": "demo", "paused": False, "pages": [PAGE | {"paused": True}]}
    assert house.client.patch(f"{SHOP}/pages/104200000000001", json={"paused": False}).json() == PAGE


@pytest.mark.parametrize("body", [{}, {"paused": None}, {"paused": "yes"}, {"paused": 1}, {"status": "connected"}])
def test_a_page_is_paused_by_true_or_false_alone(house: House, body: dict[str, Any]) -> None:
    """Anything else is refused before the registry is asked."""
    assert house.client.patch(f"{SHOP}/pages/104200000000001", json=body).status_code == 400
    assert house.store.asked == ()


def test_a_page_of_nobody_is_not_found(house: House) -> None:
    """Nor is another shop's."""
    answer = house.client.get(f"{SHOP}/pages/2")
    assert (answer.status_code, answer.json()["reason"]) == (404, "page_not_found")


def test_a_page_is_connected_for_webhooks_alone(house: House) -> None:
    """With `{}`."""
    answer = house.client.put(f"{SHOP}/pages/2", json={})
    assert answer.json() == PAGE | {"page_id": "2"}
    assert house.store.asked == ("connect", "demo", "2", None)


def test_a_page_is_connected_with_its_token(house: House) -> None:
    """Which reaches the connector and comes back in no answer."""
    answer = house.client.put(f"{SHOP}/pages/2", json={"access_token": TOKEN})
    assert answer.json() == PAGE | {"page_id": "2", "status": "connected"} | ALIVE
    assert TOKEN not in answer.text
    assert house.store.asked == ("connect", "demo", "2", TOKEN)
    PageModel.model_validate_json(answer.content)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (CONNECTED, {"status": "connected"} | ALIVE),
        (
            replace(CONNECTED, subscribed_fields=(), missing_permissions=("pages_show_list",)),
            {"status": "unsubscribed"}
            | ALIVE
            | {"subscribed": False, "subscribed_fields": [], "missing_permissions": ["pages_show_list"]},
        ),
        (
            replace(CONNECTED, token_alive=False, reason="password_changed", subscribed_fields=()),
            {"status": "reconnect"}
            | ALIVE
            | {"subscribed": False, "subscribed_fields": [], "token_alive": False, "token_reason": "password_changed"},
        ),
        (
            replace(CONNECTED, heal_since=NOW * 1000),
            {"status": "connected", "healing_since": MOMENT} | ALIVE,
        ),
    ],
)
def test_the_state_of_a_page_is_told(house: House, state: PageState, told: dict[str, Any]) -> None:
    """Of each Page alone and in both lists."""
    house.store.known_page = replace(house.store.known_page, state=state, last_event_at=NOW * 1000)
    told = PAGE | {"last_event_at": MOMENT} | told
    waiting = {"healing": {"status": "waiting", "since": MOMENT}} if "healing_since" in told else {}
    answer = house.client.get(f"{SHOP}/pages/104200000000001")
    assert answer.json() == told | waiting
    PageModel.model_validate_json(answer.content)
    for path in ("pages", ""):
        assert house.client.get(f"{SHOP}/{path}").json()["pages"] == [told]


@pytest.mark.parametrize(
    ("kind", "reason", "status"),
    [
        ("invalid", "token_of_another_page", 400),
        ("conflict", "permission_missing", 409),
        ("throttled", "throttled", 429),
        ("not_configured", "setting_missing", 501),
        ("upstream_failed", "graph_unreachable", 502),
        ("upstream_timeout", "graph_timeout", 504),
    ],
)
def test_a_token_that_does_not_do_is_a_problem(house: House, kind: Kind, reason: str, status: int) -> None:
    """That does not repeat it."""
    house.store.fails = Refused(kind, reason)
    answer = house.client.put(f"{SHOP}/pages/2", json={"access_token": TOKEN})
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert TOKEN not in answer.text


def test_a_token_with_a_space_in_it_is_refused_before_anybody_is_asked(house: House) -> None:
    """400, and it is not repeated."""
    answer = house.client.put(f"{SHOP}/pages/2", json={"access_token": f"{TOKEN} x"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_field")
    assert TOKEN not in answer.text
    assert house.store.asked == ()


def test_another_shops_page_is_a_conflict(house: House) -> None:
    """409, as the contract says."""
    house.store.fails = Refused("conflict", "page_of_another_shop")
    answer = house.client.put(f"{SHOP}/pages/2", json={})
    assert (answer.status_code, answer.json()["reason"]) == (409, "page_of_another_shop")
