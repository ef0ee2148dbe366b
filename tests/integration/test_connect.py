"""Pages that are connected with their tokens: what the service checks, what it stores in which form, and how a
connection ends.
"""

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import redis

from cache.keys import WATCH_DUE, shop_keys
from domain.ids import PageId, ShopId
from domain.secret import Secret
from graph_client.fields import FIELDS, NEEDED_PERMISSIONS
from graph_client.schedule import DAY
from simulator.graph_faults import OUTAGE, Alters, Cuts, Fails, Fault, Stalls
from simulator.graph_gate import Barrier
from simulator.graph_nodes import FakePage
from simulator.graph_world import SCOPES
from tests.callers import Facebook
from tests.facebook import (
    GraphShop,
    everything,
    graph_settings,
    new_page,
    refusal,
    running_facebook,
    serving_graph,
    spellings,
)
from tests.graph import APP_ID, FakeGraph, now
from tests.servers import Server
from tests.service import APP_SECRET, SEAL_KEY, Service
from tests.support import WITHIN, wait_until_blocking

OwnServer = Callable[..., AbstractContextManager[Server]]

NEW_KEY: Final = Secret(base64.b64encode(b"the-next-seal-key-of-the-service").decode())
OTHER_APP: Final = "200000000000009"


def token_of(name: str) -> Secret:
    """Returns a token in the form of Facebook's tokens."""
    return Secret(f"EAAtest{name}" + "x" * 150)


@pytest.fixture
def bare(graph: FakeGraph) -> FakePage:
    """A Page that no shop has connected."""
    return new_page(graph.world)


def test_a_connect_checks_the_token_subscribes_the_page_and_shows_its_state(
    graph: FakeGraph, graph_shop: GraphShop, bare: FakePage
) -> None:
    """A connect makes two calls of Graph and subscribes every field that the service understands. Every route shows the
    shop the same state.
    """
    told = graph_shop.bring(bare)
    assert told["status"] == "connected"
    assert (told["token_alive"], told["subscribed"], told["missing_permissions"]) == (True, True, [])
    assert told["subscribed_fields"] == list(FIELDS)
    assert "token_reason" not in told
    assert "last_event_at" not in told
    assert graph_shop.get(f"/pages/{bare.id}") == told
    assert graph_shop.get("/pages") == {"pages": [told]}
    assert graph_shop.get("")["pages"] == [told]
    assert bare.subscriptions == {APP_ID: list(FIELDS)}
    inspected, subscribed = graph.seen.requests
    assert (inspected.method, inspected.path.split("/")[2:]) == ("GET", ["debug_token"])
    assert (subscribed.method, subscribed.path.split("/")[2:]) == ("POST", [bare.id, "subscribed_apps"])
    assert {(asked.where, asked.proof) for asked in graph.seen.requests} == {("header", "timed")}
    assert graph.seen.tokens_in_urls == []


def test_the_state_has_the_time_of_the_last_event(
    graph_service: Service, graph_shop: GraphShop, page: FakePage
) -> None:
    """The time has whole seconds."""
    with Facebook(graph_service.url) as facebook:
        assert facebook.text("m_1", page=page.id).status_code == 200
    told = graph_shop.get(f"/pages/{page.id}")
    assert told["last_event_at"] >= told["connected_at"][:19]
    assert told["status"] == "connected"


def _of_another_page(graph: FakeGraph, page: FakePage) -> Secret:
    del page
    return new_page(graph.world).token


def _of_another_app(graph: FakeGraph, page: FakePage) -> Secret:
    token = token_of(f"OtherApp{page.id}")
    graph.world.add_token(token, "PAGE", page=page.id, app_id=OTHER_APP, scopes=SCOPES)
    return token


def _of_a_person(graph: FakeGraph, page: FakePage) -> Secret:
    token = token_of(f"Person{page.id}")
    graph.world.add_token(token, "USER", scopes=SCOPES)
    return token


def _revoked(graph: FakeGraph, page: FakePage) -> Secret:
    graph.world.revoke(page.token, 460)
    return page.token


def _expired(graph: FakeGraph, page: FakePage) -> Secret:
    token = token_of(f"Expired{page.id}")
    graph.world.add_token(token, "PAGE", page=page.id, scopes=SCOPES, expires_at=now() // 1000 - 60)
    return token


def _invented(graph: FakeGraph, page: FakePage) -> Secret:
    del graph
    return token_of(f"Nobody{page.id}")


@pytest.mark.parametrize(
    ("take", "status", "reason", "word"),
    [
        (_of_another_page, 400, "token_of_another_page", "another Page"),
        (_of_another_app, 400, "token_of_another_app", "another app"),
        (_of_a_person, 400, "token_not_of_a_page", "/me/accounts"),
        (_revoked, 409, "reconnect_page", "password"),
        (_expired, 409, "reconnect_page", "expired"),
        (_invented, 409, "reconnect_page", "new token"),
    ],
)
def test_an_unusable_token_is_refused_and_connects_nothing(
    graph: FakeGraph,
    graph_store: Server,
    graph_shop: GraphShop,
    bare: FakePage,
    take: Callable[[FakeGraph, FakePage], Secret],
    status: int,
    reason: str,
    word: str,
) -> None:
    """The answer names the mistake. No Page, subscription or token stays behind."""
    token = take(graph, bare)
    answer = graph_shop.connect_with(bare.id, token)
    assert refusal(answer) == (status, reason)
    assert word in answer.json()["detail"]
    assert token.reveal() not in answer.text
    assert graph_shop.get("/pages") == {"pages": []}
    assert bare.subscriptions == {}
    assert not any(spelled in everything(graph_store) for spelled in spellings(token))


@pytest.mark.parametrize("permission", NEEDED_PERMISSIONS)
def test_a_needed_permission_that_is_missing_is_named(graph: FakeGraph, graph_shop: GraphShop, permission: str) -> None:
    """The answer is 409, and nothing is connected."""
    found = new_page(graph.world, scopes=tuple(scope for scope in SCOPES if scope != permission))
    answer = graph_shop.connect_with(found.id, found.token)
    assert refusal(answer) == (409, "permission_missing")
    assert permission in answer.json()["detail"]
    assert graph_shop.get("/pages") == {"pages": []}
    assert found.subscriptions == {}


def test_a_missing_optional_permission_is_reported_and_the_page_is_connected(
    graph: FakeGraph, graph_shop: GraphShop
) -> None:
    """The Page is connected and its posts can be read. A read of comments names the missing permission."""
    found = new_page(graph.world, scopes=tuple(scope for scope in SCOPES if scope != "pages_read_user_content"))
    assert graph_shop.bring(found)["missing_permissions"] == ["pages_read_user_content"]
    post = graph.world.add_post(found, "post")
    assert graph_shop.fetch(found.id, "posts")["items"][0]["id"] == post.id
    answer = graph_shop.ask(found.id, f"posts/{post.id}/comments")
    assert refusal(answer) == (409, "permission_missing")
    assert "pages_read_user_content" in answer.json()["detail"]


def test_a_permission_granted_for_other_pages_only_is_missing(
    graph: FakeGraph, graph_shop: GraphShop, bare: FakePage
) -> None:
    """A person can choose the Pages of a permission in Facebook's dialog."""

    def narrow(document: dict[str, Any]) -> None:
        document["data"]["granular_scopes"] = [{"scope": "pages_messaging", "target_ids": ["104299999999999"]}]

    graph.faults.script("debug_token", Alters(narrow))
    answer = graph_shop.connect_with(bare.id, bare.token)
    assert refusal(answer) == (409, "permission_missing")
    assert "pages_messaging" in answer.json()["detail"]


@pytest.mark.parametrize("own", [True, False], ids=["this Page's", "another Page's"])
def test_without_profile_id_a_call_of_me_finds_the_page_of_a_token(
    graph: FakeGraph, graph_shop: GraphShop, bare: FakePage, own: bool
) -> None:
    """If `profile_id` is absent, a call of /me with the token says which Page the token is for."""
    token = bare.token if own else new_page(graph.world).token

    def silence(document: dict[str, Any]) -> None:
        del document["data"]["profile_id"], document["data"]["granular_scopes"]

    graph.faults.script("debug_token", Alters(silence))
    answer = graph_shop.connect_with(bare.id, token)
    assert len(graph.seen.of("/me")) == 1
    if own:
        assert answer.json()["status"] == "connected"
    else:
        assert refusal(answer) == (400, "token_of_another_page")


def test_another_shops_page_is_refused_and_stays_with_its_shop(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, page: FakePage
) -> None:
    """The answer is 409 with a token and without one. The first shop's token continues to work."""
    with GraphShop(graph_service.url, "shop-2") as other:
        assert refusal(other.connect_with(page.id, page.token)) == (409, "page_of_another_shop")
        assert refusal(other.client.put(f"/pages/{page.id}", json={})) == (409, "page_of_another_shop")
        assert other.get("/pages") == {"pages": []}
    assert graph_shop.fetch(page.id, "posts")["items"] == []
    assert page.subscriptions == {APP_ID: list(FIELDS)}


def test_a_page_without_a_token_is_connected_for_webhooks_only(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, bare: FakePage
) -> None:
    """The service does not ask Graph, and stores the messages. The shop can add a token later. A later PUT with the
    body `{}` does not remove the token.
    """
    graph_shop.connect(bare.id)
    state = graph_shop.get(f"/pages/{bare.id}")
    assert set(state) == {"page_id", "connected_at", "status", "paused"}
    assert state["status"] == "webhooks_only"
    assert graph.seen.total == 0
    with Facebook(graph_service.url) as facebook:
        facebook.text("m_1", page=bare.id)
    assert graph_shop.ids() == ["m_1"]
    told = graph_shop.bring(bare)
    assert (told["status"], told["connected_at"]) == ("connected", state["connected_at"])
    graph_shop.connect(bare.id)
    assert graph_shop.get(f"/pages/{bare.id}") == told
    assert graph_shop.fetch(bare.id, "posts")["items"] == []


@pytest.mark.parametrize("token", ["", "two words", "ក", "x" * 4097, None, 5])
def test_an_invalid_token_text_is_refused_without_a_call_of_graph(
    graph: FakeGraph, graph_shop: GraphShop, bare: FakePage, token: object
) -> None:
    """The answer is 400, also for null: a shop without a token must leave the field out."""
    answer = graph_shop.client.put(f"/pages/{bare.id}", json={"access_token": token})
    assert refusal(answer) == (400, "invalid_field")
    assert graph.seen.total == 0


def test_a_newer_token_replaces_the_older_token(
    graph: FakeGraph, graph_store: Server, graph_shop: GraphShop, page: FakePage
) -> None:
    """The next call uses the newer token, and nothing of the older token is stored."""
    sealed = sealed_token(graph_store, page)
    newer = token_of("Newer")
    graph.world.add_token(newer, "PAGE", page=page.id, scopes=SCOPES)
    assert graph_shop.connect_with(page.id, newer).status_code == 200
    graph.world.revoke(page.token)
    assert graph_shop.fetch(page.id, "posts")["items"] == []
    assert sealed not in everything(graph_store)


def test_the_store_contains_no_secret_in_plain_text(graph_store: Server, page: FakePage) -> None:
    """The store has neither the Page's token nor the app's secret nor SEAL_KEYS: not as they are, not in base64 and not
    in hexadecimal."""
    kept = everything(graph_store)
    assert page.id.encode() in kept
    for secret in (page.token, APP_SECRET, SEAL_KEY, Secret(f"{APP_ID}|{APP_SECRET.reveal()}")):
        assert not any(spelled in kept for spelled in spellings(secret))
    assert base64.b64decode(SEAL_KEY.reveal()) not in kept


def sealed_token(store: Server, page: FakePage, shop: str = "shop-1") -> bytes:
    """Returns the encrypted token of a Page as the store has it."""
    with redis.Redis.from_url(store.url) as client:
        found: bytes = client.hget(shop_keys(ShopId(shop)).registry, f"t:{page.id}")
        return found


def day_later(store: Server, page: FakePage) -> None:
    """Let the last check of a Page be one day old."""
    with redis.Redis.from_url(store.url) as client:
        record, field = shop_keys(ShopId("shop-1")).registry, f"s:{page.id}"
        state = json.loads(client.hget(record, field))
        client.hset(record, field, json.dumps(state | {"c": state["c"] - DAY}))
        client.zadd(WATCH_DUE, {page.id: 0})


def test_seal_keys_are_changed_without_losing_a_token(own_server: OwnServer, tmp_path: Path) -> None:
    """First the old key is set. Then the new and the old key are set, until the daily check has encrypted the token
    again. Then only the new key is set. Without a fitting key, the Page must be connected again.
    """
    with running_facebook() as graph, own_server() as store:
        page = new_page(graph.world)

        def served(*keys: Secret) -> AbstractContextManager[Service]:
            shown = ",".join(key.reveal() for key in keys)
            return serving_graph(store.url, tmp_path / "log", graph, SEAL_KEYS=shown)

        with served(SEAL_KEY) as service, GraphShop(service.url) as shop:
            shop.bring(page)
        sealed = sealed_token(store, page)
        day_later(store, page)
        with served(NEW_KEY, SEAL_KEY) as service, GraphShop(service.url) as shop:
            assert shop.fetch(page.id, "posts")["items"] == []
            wait_until_blocking(lambda: sealed_token(store, page) != sealed, within=15)
        with served(NEW_KEY) as service, GraphShop(service.url) as shop:
            assert shop.fetch(page.id, "posts")["items"] == []
        with served(SEAL_KEY) as service, GraphShop(service.url) as shop:
            graph.seen.forget()
            assert refusal(shop.ask(page.id, "posts")) == (409, "reconnect_page")
            assert graph.seen.total == 0
            shop.bring(page)
            assert shop.fetch(page.id, "posts")["items"] == []


def test_a_connect_with_a_token_names_a_missing_setting(own_server: OwnServer, tmp_path: Path) -> None:
    """The answer is 501 and the service does not ask Graph. A Page for webhooks alone can be connected."""
    missing = "FACEBOOK_APP_ID"
    with (
        running_facebook() as graph,
        own_server() as store,
        serving_graph(store.url, tmp_path / "log", graph, **{missing: ""}) as service,
        GraphShop(service.url) as shop,
    ):
        page = new_page(graph.world)
        answer = shop.connect_with(page.id, page.token)
        assert refusal(answer) == (501, "setting_missing")
        named = {name for name in graph_settings(graph) if name in answer.json()["detail"]}
        assert named == {missing}
        assert shop.get("/pages") == {"pages": []}
        shop.connect(page.id)
        assert graph.seen.total == 0


def test_a_wrong_app_secret_is_answered_502_and_not_blamed_on_the_token(own_server: OwnServer, tmp_path: Path) -> None:
    """The answer is 502 and does not blame the shop's token."""
    wrong = "another-secret-of-the-test-service"
    with (
        running_facebook() as graph,
        own_server() as store,
        serving_graph(store.url, tmp_path / "log", graph, FACEBOOK_APP_SECRET=wrong) as service,
        GraphShop(service.url) as shop,
    ):
        page = new_page(graph.world)
        answer = shop.connect_with(page.id, page.token)
        assert refusal(answer) == (502, "app_token_refused")
        assert "FACEBOOK_APP_SECRET" in answer.json()["detail"]
        assert shop.get("/pages") == {"pages": []}


@pytest.mark.parametrize("field", [FIELDS[1], FIELDS[-1]])
def test_an_unknown_field_does_not_prevent_the_other_fields(
    graph: FakeGraph, graph_shop: GraphShop, bare: FakePage, field: str
) -> None:
    """Facebook refuses the whole list because of one unknown field. `messages` is still subscribed, whichever
    field is unknown.
    """
    graph.world.unknown_fields.add(field)
    answered = graph_shop.bring(bare)
    assert answered["missing_fields"] == [{"field": field}]
    (warning,) = answered["warnings"]
    assert warning["reason"] == "fields_refused"
    assert field in warning["detail"]
    assert set(answered["subscribed_fields"]) == {*FIELDS} - {field}
    assert {app: set(fields) for app, fields in bare.subscriptions.items()} == {APP_ID: {*FIELDS} - {field}}
    assert answered["status"] == "connected"


def test_missing_fields_are_named_with_their_missing_permission(graph: FakeGraph, graph_shop: GraphShop) -> None:
    """Facebook refuses these fields with code 200, and another field is unknown. A token with the permission subscribes
    the fields again.
    """
    page = new_page(graph.world, scopes=tuple(scope for scope in SCOPES if scope != "pages_read_user_content"))
    needed = "pages_read_user_content"
    graph.world.field_permissions |= {"feed": needed, "message_reactions": needed}
    graph.world.unknown_fields.add("message_edits")
    answered = graph_shop.bring(page)
    missing = {one["field"]: one.get("permission") for one in answered["missing_fields"]}
    assert missing == {"feed": needed, "message_reactions": needed, "message_edits": None}
    assert needed in answered["warnings"][0]["detail"]
    assert set(page.subscriptions[APP_ID]) == {*FIELDS} - {*missing}
    assert graph_shop.get(f"/pages/{page.id}") == answered
    graph.world.unknown_fields.clear()
    newer = token_of("WithAll")
    graph.world.add_token(newer, "PAGE", page=page.id, scopes=SCOPES)
    answered = graph_shop.connect_with(page.id, newer).json()
    assert {"missing_fields", "warnings"}.isdisjoint(answered)
    assert set(page.subscriptions[APP_ID]) == {*FIELDS}


def test_the_daily_check_subscribes_a_field_that_is_now_available(
    graph: FakeGraph, graph_store: Server, graph_shop: GraphShop, bare: FakePage
) -> None:
    """A field can be missing because an earlier version of the service did not ask for it. Facebook delivers the other
    fields until the check.
    """
    graph_shop.bring(bare)
    bare.subscriptions[APP_ID].remove("feed")
    graph.world.unknown_fields.add("message_reads")
    bare.subscriptions[APP_ID].remove("message_reads")
    graph.seen.forget()
    day_later(graph_store, bare)
    wait_until_blocking(lambda: "feed" in bare.subscriptions[APP_ID], within=30)
    wait_until_blocking(lambda: "missing_fields" in graph_shop.get(f"/pages/{bare.id}"), within=30)
    assert graph_shop.get(f"/pages/{bare.id}")["missing_fields"] == [{"field": "message_reads"}]
    assert set(bare.subscriptions[APP_ID]) == {*FIELDS} - {"message_reads"}
    graph.seen.forget()
    day_later(graph_store, bare)
    with redis.Redis.from_url(graph_store.url) as client:
        wait_until_blocking(lambda: (client.zscore(WATCH_DUE, bare.id) or 0) > now() + 10 * 60_000, within=30)
    assert {asked.method for asked in graph.seen.of("subscribed_apps")} == {"GET"}, "what was refused is not asked for"


def test_a_page_whose_subscription_fails_is_unsubscribed_and_can_be_connected_again(
    graph: FakeGraph, graph_shop: GraphShop, bare: FakePage
) -> None:
    """Facebook refuses the field `messages`, so the Page stays `unsubscribed`."""
    graph.faults.script("subscribed_apps", Fails(200), times=2)
    assert refusal(graph_shop.connect_with(bare.id, bare.token)) == (409, "permission_missing")
    state = graph_shop.get(f"/pages/{bare.id}")
    assert (state["status"], state["subscribed"]) == ("unsubscribed", False)
    assert graph_shop.bring(bare)["status"] == "connected"


@pytest.mark.parametrize("subcode", [458, 463])
def test_a_revoked_token_is_not_used_for_a_second_call(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, subcode: int
) -> None:
    """The state is `reconnect` with its reason. A connect with a new token repairs the Page; a connect with the dead
    token does not.
    """
    graph.world.revoke(page.token, subcode)
    assert refusal(graph_shop.ask(page.id, "posts")) == (409, "reconnect_page")
    assert graph.seen.total == 1
    for edge in ("posts", "videos", "conversations", "customers/7000000000000001"):
        assert refusal(graph_shop.ask(page.id, edge)) == (409, "reconnect_page")
    assert graph.seen.total == 1
    state = graph_shop.get(f"/pages/{page.id}")
    assert (state["status"], state["token_alive"]) == ("reconnect", False)
    assert state["token_reason"] == {458: "app_not_authorised", 463: "expired"}[subcode]
    assert refusal(graph_shop.connect_with(page.id, page.token)) == (409, "reconnect_page")
    assert graph_shop.get(f"/pages/{page.id}")["status"] == "reconnect"
    newer = token_of(f"After{subcode}")
    graph.world.add_token(newer, "PAGE", page=page.id, scopes=SCOPES)
    told = graph_shop.connect_with(page.id, newer).json()
    assert told["status"] == "connected"
    assert "token_reason" not in told
    assert graph_shop.fetch(page.id, "posts")["items"] == []


def test_a_late_refusal_of_the_older_token_does_not_change_the_newer_token(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The Page gets another token during a call with the older token. The failure of this call does not change the
    state of the newer token.
    """
    gate, newer = Barrier(), token_of("Meanwhile")
    graph.faults.script("published_posts", Stalls(gate))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(graph_shop.ask, page.id, "posts")
        wait_until_blocking(lambda: gate.waiting)
        graph.world.add_token(newer, "PAGE", page=page.id, scopes=SCOPES)
        assert graph_shop.connect_with(page.id, newer).status_code == 200
        graph.world.revoke(page.token)
        gate.open()
        assert refusal(late.result()) == (409, "reconnect_page")
    assert graph_shop.get(f"/pages/{page.id}")["status"] == "connected"
    assert graph_shop.fetch(page.id, "posts")["items"] == []


def _disconnected(shop: GraphShop, page: PageId) -> Iterator[str]:
    """Yields each place where the API still has the Page."""
    if shop.client.get(f"/pages/{page}").status_code != 404:
        yield f"pages/{page}"
    if shop.ask(page, "posts").status_code != 404:
        yield "posts"
    if shop.ids():
        yield "messages"


def test_a_disconnect_unsubscribes_the_page_and_deletes_its_token_and_messages(
    graph: FakeGraph, graph_service: Service, graph_store: Server, graph_shop: GraphShop, page: FakePage
) -> None:
    """A disconnect makes one call of Graph. Its receipt counts the messages, and another shop can then connect the
    Page.
    """
    with Facebook(graph_service.url) as facebook:
        facebook.text("m_1", page=page.id)
        sealed = sealed_token(graph_store, page)
        receipt = graph_shop.purge_completely(f"/pages/{page.id}")
        assert (receipt["what"], receipt["messages_deleted"]) == ("page", 1)
        (asked,) = graph.seen.requests
        assert (asked.method, asked.path.split("/")[2:]) == ("DELETE", [page.id, "subscribed_apps"])
        assert page.subscriptions == {}
        assert list(_disconnected(graph_shop, page.id)) == []
        assert sealed not in everything(graph_store)
        facebook.text("m_2", page=page.id)
        assert graph_shop.ids() == []
    with GraphShop(graph_service.url, "shop-2") as other:
        assert other.client.delete(f"/pages/{page.id}").status_code == 404
        assert other.bring(page)["status"] == "connected"


@pytest.mark.parametrize(
    ("fault", "times"),
    [(OUTAGE, 3), (Cuts(at_once=True), 3), (Fails(80001), 1), (Fails(190, 460, 401), 1), (Stalls(Barrier()), None)],
    ids=["outage", "unreachable", "throttled", "dead token", "stalled"],
)
def test_a_disconnect_does_not_depend_on_facebook(
    graph: FakeGraph, graph_service: Service, graph_store: Server, graph_shop: GraphShop, page: FakePage,
    fault: Fault, times: int | None,
) -> None:  # fmt: skip
    """The shop's data is deleted even if Facebook does not end the subscription."""
    with Facebook(graph_service.url) as facebook:
        facebook.text("m_1", page=page.id)
    sealed = sealed_token(graph_store, page)
    graph.faults.script(page.id, fault, times=times)
    graph_shop.client.timeout = httpx2.Timeout(WITHIN)  # a stalled call of Graph never ends by itself
    assert graph_shop.purge_completely(f"/pages/{page.id}")["messages_deleted"] == 1
    assert page.subscriptions != {}
    assert list(_disconnected(graph_shop, page.id)) == []
    assert sealed not in everything(graph_store)


def test_another_shop_cannot_disconnect_a_page(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, page: FakePage
) -> None:
    """The answer is 404 without a call of Graph, and the Page stays connected."""
    with GraphShop(graph_service.url, "shop-2") as other:
        assert refusal(other.client.delete(f"/pages/{page.id}")) == (404, "page_not_found")
    assert graph.seen.total == 0
    assert graph_shop.get(f"/pages/{page.id}")["status"] == "connected"
