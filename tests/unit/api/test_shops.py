"""The shop, its pause and its Pages."""

from dataclasses import replace
from typing import Any

import pytest

from api.models import PageModel, ShopModel
from domain.shop import PageState
from tests.unit.api.fakes import CONNECTED, NOW, SHOP, Setup

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
def test_a_shop_is_read_and_paused_with_and_without_the_last_slash(setup: Setup, path: str) -> None:
    """The contract names both addresses."""
    answer = setup.client.get(path, follow_redirects=False)
    assert answer.json() == {"shop": "demo", "paused": False, "pages": [PAGE]}
    ShopModel.model_validate_json(answer.content)
    answer = setup.client.patch(path, json={"paused": True}, follow_redirects=False)
    assert answer.json() == {"shop": "demo", "paused": True, "pages": [PAGE]}
    assert setup.client.get(path).json()["paused"] is True


def test_a_pause_of_a_page_does_not_pause_the_shop(setup: Setup) -> None:
    """The answer is the Page's new state."""
    answer = setup.client.patch(f"{SHOP}/pages/104200000000001", json={"paused": True})
    assert answer.json() == PAGE | {"paused": True}
    PageModel.model_validate_json(answer.content)
    assert setup.client.get(SHOP).json() == {"shop": "demo", "paused": False, "pages": [PAGE | {"paused": True}]}
    assert setup.client.patch(f"{SHOP}/pages/104200000000001", json={"paused": False}).json() == PAGE


@pytest.mark.parametrize("path", ["", "/pages/104200000000001"])
def test_a_pause_may_have_an_end(setup: Setup, path: str) -> None:
    """The end comes back in UTC with milliseconds. Without an end, the pause lasts until the shop resumes."""
    ends = setup.client.patch(f"{SHOP}{path}", json={"paused": True, "until": "2126-02-02T10:40:00+07:00"})
    (PageModel if path else ShopModel).model_validate_json(ends.content)
    assert (ends.json()["paused"], ends.json()["until"]) == (True, "2126-02-02T03:40:00.000Z")
    assert setup.client.get(f"{SHOP}{path}").json() == ends.json()
    lasts = setup.client.patch(f"{SHOP}{path}", json={"paused": True, "until": None}).json()
    assert (lasts["paused"], "until" in lasts) == (True, False)


@pytest.mark.parametrize("path", ["", "/pages/104200000000001"])
@pytest.mark.parametrize(
    "body",
    [
        {"paused": True, "until": MOMENT},
        {"paused": True, "until": "2126-02-02T10:40:00"},
        {"paused": True, "until": 1},
        {"paused": True, "until": ""},
        {"paused": True, "until": "9999999999999999"},
        {"paused": False, "until": "2126-02-02T03:40:00Z"},
    ],
)
def test_an_end_that_makes_no_sense_is_refused(setup: Setup, path: str, body: dict[str, Any]) -> None:
    """The service refuses a time in the past, a time without an offset, a number, and an end without a pause."""
    answer = setup.client.patch(f"{SHOP}{path}", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_field")
    assert "until" in answer.json()["detail"]
    assert setup.store.asked == ()


@pytest.mark.parametrize("body", [{}, {"paused": None}, {"paused": "yes"}, {"paused": 1}, {"status": "connected"}])
def test_a_pause_accepts_only_true_or_false(setup: Setup, body: dict[str, Any]) -> None:
    """The service refuses any other value before it calls the registry."""
    assert setup.client.patch(f"{SHOP}/pages/104200000000001", json=body).status_code == 400
    assert setup.store.asked == ()


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
def test_the_answers_show_the_state_of_a_page(setup: Setup, state: PageState, told: dict[str, Any]) -> None:
    """The state is in the answer for one Page and in both lists."""
    setup.store.known_page = replace(setup.store.known_page, state=state, last_event_at=NOW * 1000)
    told = PAGE | {"last_event_at": MOMENT} | told
    waiting = {"healing": {"status": "waiting", "since": MOMENT}} if "healing_since" in told else {}
    answer = setup.client.get(f"{SHOP}/pages/104200000000001")
    assert answer.json() == told | waiting
    PageModel.model_validate_json(answer.content)
    for path in ("pages", ""):
        assert setup.client.get(f"{SHOP}/{path}").json()["pages"] == [told]
