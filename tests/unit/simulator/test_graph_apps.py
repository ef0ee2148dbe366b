"""Subscriptions of a Page, and what /debug_token says about a token."""

import random
from dataclasses import replace
from typing import Any

import pytest

from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_world import SCOPES, World
from tests.graph import Caller, error_of
from tests.support import FakeClock

PAGE, OTHER = PageId("104200000000001"), PageId("104200000000002")
APP = Secret("2001|shop-app-secret-1")


@pytest.fixture
def graph() -> Caller:
    """Returns a client with the token of the only Page."""
    world = World("2001", [Secret("shop-app-secret-1")], random.Random(1), FakeClock().moment)
    world.add_page(OTHER)
    return Caller(world, world.add_page(PAGE).token)


async def fields_of(graph: Caller) -> list[list[str]]:
    """Returns the subscribed fields of each app on the Page."""
    body = (await graph.ask(f"{PAGE}/subscribed_apps", fields="id,subscribed_fields")).json()
    return [app["subscribed_fields"] for app in body["data"]]


async def inspected(graph: Caller, token: Secret) -> dict[str, Any]:
    """Returns what `/debug_token` tells the app about a token."""
    data: dict[str, Any] = (await replace(graph, token=APP).ask("debug_token", input_token=token.reveal())).json()[
        "data"
    ]
    return data


async def test_a_page_is_subscribed_replaced_and_unsubscribed(graph: Caller) -> None:
    """Each call sends the whole list of fields."""
    assert await fields_of(graph) == []
    answer = await graph.ask(f"{PAGE}/subscribed_apps", "POST", subscribed_fields="messages,message_edits")
    assert answer.json() == {"success": True}
    assert await fields_of(graph) == [["messages", "message_edits"]]
    await graph.ask(f"{PAGE}/subscribed_apps", "POST", subscribed_fields="feed")
    assert await fields_of(graph) == [["feed"]]
    assert (await graph.ask(f"{PAGE}/subscribed_apps", "DELETE")).json() == {"success": True}
    assert await fields_of(graph) == []


async def test_the_apps_own_token_may_unsubscribe(graph: Caller) -> None:
    """The app's token works even if the Page's token is dead."""
    graph.world.pages[PAGE].subscriptions["2001"] = ["messages"]
    assert (await replace(graph, token=APP).ask(f"{PAGE}/subscribed_apps", "DELETE")).status_code == 200
    assert graph.world.pages[PAGE].subscriptions == {}


async def test_facebook_may_unsubscribe_a_page_by_itself(graph: Caller) -> None:
    """Facebook sends no notice when it ends a subscription."""
    await graph.ask(f"{PAGE}/subscribed_apps", "POST", subscribed_fields="messages")
    graph.world.unsubscribe(PAGE)
    assert await fields_of(graph) == []


@pytest.mark.parametrize("fields", ["messages,nonsense", "", "messaging_seen"])
async def test_an_unknown_field_fails_the_whole_subscription(graph: Caller, fields: str) -> None:
    """Nothing is subscribed."""
    assert error_of(await graph.ask(f"{PAGE}/subscribed_apps", "POST", subscribed_fields=fields)) == (400, 100, None)
    assert await fields_of(graph) == []


@pytest.mark.parametrize("missing", ["pages_messaging", "pages_manage_metadata", "pages_show_list"])
async def test_subscribing_messages_takes_three_permissions(graph: Caller, missing: str) -> None:
    """The refusal names the missing permission."""
    scopes = [scope for scope in SCOPES if scope != missing]
    graph.world.add_token(Secret("EAAless"), "PAGE", page=PAGE, scopes=scopes)
    answer = await replace(graph, token=Secret("EAAless")).ask(
        f"{PAGE}/subscribed_apps", "POST", subscribed_fields="messages"
    )
    assert error_of(answer) == (403, 200, None)
    assert missing in answer.json()["error"]["message"]


async def test_another_pages_token_does_not_see_the_page(graph: Caller) -> None:
    """The answer is the same as for a Page that does not exist."""
    for method, params in (("GET", {}), ("POST", {"subscribed_fields": "messages"}), ("DELETE", {})):
        assert error_of(await graph.ask(f"{OTHER}/subscribed_apps", method, **params)) == (400, 100, 33)


async def test_a_good_token_is_shown_with_its_page_app_and_permissions(graph: Caller) -> None:
    """If `expires_at` is 0, the token does not expire."""
    data = await inspected(graph, graph.token)
    assert (data["is_valid"], data["type"], data["app_id"], data["profile_id"]) == (True, "PAGE", "2001", PAGE)
    assert (data["expires_at"], data["scopes"]) == (0, list(SCOPES))
    assert data["granular_scopes"][0] == {"scope": SCOPES[0], "target_ids": [PAGE]}
    assert graph.seen.tokens_in_urls == []


async def test_a_dead_token_is_shown_with_status_200(graph: Caller) -> None:
    """The answer says why the token is dead."""
    graph.world.revoke(graph.token, 467)
    data = await inspected(graph, graph.token)
    assert not data["is_valid"]
    assert (data["error"]["code"], data["error"]["subcode"]) == (190, 467)
    assert (await inspected(graph, Secret("EAAunknown")))["error"]["code"] == 190


async def test_only_the_app_itself_may_inspect_a_token(graph: Caller) -> None:
    """A Page's token may not inspect a token. The answer shows nothing about a token of another app."""
    assert error_of(await graph.ask("debug_token", input_token=graph.token.reveal()))[1] == 100
    graph.world.add_token(Secret("EAAother"), "PAGE", page=PAGE, app_id="2002")
    assert error_of(await replace(graph, token=APP).ask("debug_token", input_token="EAAother"))[1] == 100
    assert error_of(await replace(graph, token=APP).ask("debug_token"))[1] == 100


async def test_me_is_the_page_of_the_token(graph: Caller) -> None:
    """A client can therefore find the Page of a token with `/me`."""
    assert (await graph.ask("me", fields="id")).json() == {"id": PAGE}


async def test_an_app_can_read_itself_with_its_secret(graph: Caller) -> None:
    """With a wrong secret, Graph answers as for an unknown token. A Page's token cannot read the app."""
    app = replace(graph, token=APP)
    assert (await app.ask("2001", fields="id")).json() == {"id": "2001"}
    wrong = await replace(graph, token=Secret("2001|another-app-secret")).ask("2001", fields="id")
    assert error_of(wrong)[:2] == (401, 190)
    assert (await graph.ask("2001", fields="id")).status_code == 400
