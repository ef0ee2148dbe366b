"""Healing always ends or continues: endless lists, refused conversations, and many Pages at the same time."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from domain.ids import PageId
from simulator.graph_faults import Fails, Fine, throttles
from simulator.graph_shapes import new_cursors, same_cursor
from simulator.payloads import delivery, entry
from tests.callers import Facebook
from tests.facebook import GraphShop, refusal
from tests.graph import FakeGraph, now
from tests.healing import (
    BOPHA,
    DARA,
    ENDED,
    HEALS_WITHIN,
    MINUTE,
    SOKHA,
    Inbox,
    events,
    heal,
    messages_path,
    replicas,
    state,
    summed,
)
from tests.servers import Server
from tests.service import Service
from tests.support import wait_until_blocking


@pytest.mark.parametrize("edge", ["/conversations", "/messages"])
def test_healing_stops_at_an_endless_list_and_stores_its_messages(
    inbox: Inbox, graph: FakeGraph, services: list[Service], shop: GraphShop, edge: str
) -> None:
    """The shop sees where healing has stopped, and a metric counts it. The service tries the rest of the list again
    later."""
    shop.bring(inbox.page)
    said = {inbox.says(psid, now() - minutes * MINUTE) for psid in (SOKHA, DARA) for minutes in (3, 2)}
    where = edge if edge == "/conversations" else messages_path(graph, inbox, SOKHA)
    shape = new_cursors() if edge == "/conversations" else same_cursor(rows=True)
    graph.faults.script(where, shape, times=None)
    graph.seen.forget()
    found = heal(shop, inbox.page.id)
    assert set(shop.ids()) == said
    assert len(graph.seen.of(edge)) <= 30
    (cut,) = found["unhealed"]
    assert cut["reason"] in {"cursor_repeated", "nothing_new"}
    assert ("conversation" in cut) == (edge == "/messages")
    assert (found["status"], "healing_since" in found) == ("connected", False)
    ending = "cut_short" if edge == "/conversations" else "complete"
    assert (found["healing"]["status"], found["healing"]["stored"]) == (ending, len(said))
    wait_until_blocking(lambda: summed(services, "heals_total") == {(ending,): 1})
    wait_until_blocking(lambda: summed(services, "unhealed_conversations") == {(): 1}, within=HEALS_WITHIN)


def test_an_unchanged_cursor_ends_a_list_that_a_caller_reads(inbox: Inbox, graph: FakeGraph, shop: GraphShop) -> None:
    """A caller that walks the list with `after` reaches its end."""
    shop.bring(inbox.page)
    inbox.says(SOKHA, now() - MINUTE)
    graph.faults.script("/conversations", same_cursor(rows=True), times=None)
    first = shop.fetch(inbox.page.id, "conversations")
    assert first["after"]
    assert shop.fetch(inbox.page.id, "conversations", after=first["after"])["after"] is None


def test_pages_with_endless_lists_do_not_delay_another_page(graph: FakeGraph, valkey: Server, tmp_path: Path) -> None:
    """Two shops have twenty Pages with endless lists: more Pages than two replicas check at the same time. At this time
    a Page of a third shop loses its subscription."""
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "one", "two")
        shops = [stack.enter_context(GraphShop(services[0].url, f"shop-{n}")) for n in (2, 3)]
        own = stack.enter_context(GraphShop(services[1].url))
        endless = [(Inbox(graph, valkey), shops[n % 2]) for n in range(20)]
        for inbox, shop in endless:
            shop.bring(inbox.page)
            inbox.says(SOKHA, now() - MINUTE)
            graph.faults.script(f"{inbox.page.id}/conversations", new_cursors(), times=None)
        quiet = Inbox(graph, valkey)
        own.bring(quiet.page)
        quiet.delivered(services[0], BOPHA, now() - 40 * MINUTE)
        graph.world.unsubscribe(quiet.page.id)
        missed = {quiet.says(SOKHA, now() - 20 * MINUTE), quiet.says(DARA, now() - 10 * MINUTE)}
        quiet.aged(31 * MINUTE)
        for inbox, shop in endless:
            assert shop.client.post(f"/pages/{inbox.page.id}/heal").status_code == 202
        quiet.due()
        wait_until_blocking(lambda: missed <= set(own.ids()) and quiet.healed(), within=HEALS_WITHIN)
        assert graph.world.pages[quiet.page.id].subscriptions
        wait_until_blocking(
            lambda: all(_ended(shop, inbox.page.id) for inbox, shop in endless), within=2 * HEALS_WITHIN
        )
        assert sum(len(shop.ids()) for shop in shops) == len(endless)


def _ended(shop: GraphShop, page: PageId) -> bool:
    return state(shop, page)["healing"]["status"] in ENDED


def test_one_refused_conversation_does_not_stop_the_others(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """Facebook refuses the newest of three. This conversation stays on the list with its reason, and is fetched at its
    next try."""
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "one", "two")
        shop = stack.enter_context(GraphShop(services[0].url))
        shop.bring(inbox.page)
        behind = {inbox.says(DARA, now() - 30 * MINUTE), inbox.says(BOPHA, now() - 20 * MINUTE)}
        first = inbox.says(SOKHA, now() - 10 * MINUTE)
        graph.faults.script(messages_path(graph, inbox, SOKHA), Fails(230, status=403), times=None)
        found = heal(shop, inbox.page.id)
        assert set(shop.ids()) == behind
        assert (found["healing"]["status"], "healing_since" in found) == ("complete", False)
        (entry,) = found["unhealed"]
        assert entry["conversation"] == graph.world.pages[inbox.page.id].conversations[SOKHA].id
        assert (entry["tries"], entry["since"] < entry["next_try_at"] < entry["given_up_at"]) == (1, True)
        wait_until_blocking(lambda: summed(services, "heal_conversations_total") == {("refused",): 1})
        wait_until_blocking(lambda: summed(services, "unhealed_conversations") == {(): 2}, within=HEALS_WITHIN)

        graph.faults.clear()
        inbox.pause_over()
        wait_until_blocking(lambda: "unhealed" not in state(shop, inbox.page.id), within=HEALS_WITHIN)
        assert set(shop.ids()) == {*behind, first}
        wait_until_blocking(lambda: summed(services, "heal_conversations_total") == {("refused",): 1, ("healed",): 1})


def test_healing_tries_a_missing_conversation_again_before_it_gives_up(
    inbox: Inbox, graph: FakeGraph, services: list[Service], shop: GraphShop
) -> None:
    """Some of Facebook's machines may not know a new conversation yet."""
    shop.bring(inbox.page)
    late, gone = inbox.says(SOKHA, now() - MINUTE), inbox.says(DARA, now() - 2 * MINUTE)
    fails = Fails(100, 33)
    graph.faults.script(messages_path(graph, inbox, SOKHA), fails, Fine())
    graph.faults.script(messages_path(graph, inbox, DARA), fails, times=None)
    assert len(heal(shop, inbox.page.id)["unhealed"]) == 2
    inbox.pause_over()
    wait_until_blocking(lambda: shop.ids() == [late], within=HEALS_WITHIN)
    wait_until_blocking(lambda: _tries(shop, inbox.page.id) == [2], within=HEALS_WITHIN)
    inbox.pause_over()
    wait_until_blocking(lambda: _tries(shop, inbox.page.id) == [], within=HEALS_WITHIN)
    assert gone not in shop.ids()
    wait_until_blocking(lambda: summed(services, "heal_conversations_total").get(("given_up",)) == 1)


def _tries(shop: GraphShop, page: str) -> list[int]:
    return [entry["tries"] for entry in state(shop, page).get("unhealed", [])]


@pytest.mark.parametrize("budget", [False, True], ids=["dead token", "spent budget"])
def test_a_dead_token_or_a_used_up_budget_stops_the_walk(
    inbox: Inbox, graph: FakeGraph, services: list[Service], shop: GraphShop, budget: bool
) -> None:
    """A dead token and a used-up budget say nothing about a conversation, so no conversation is on the list of refused
    conversations. Fetched messages are stored."""
    shop.bring(inbox.page)
    for psid in (SOKHA, DARA, BOPHA):
        inbox.says(psid, now() - MINUTE)
    spent = throttles(80006, page=inbox.page.id, kind="messenger", minutes=5)
    graph.faults.script("/messages", Fine(), spent if budget else Fails(190, 460, status=401))
    assert shop.client.post(f"/pages/{inbox.page.id}/heal").status_code == 202
    wait_until_blocking(lambda: events(services, "look_failed"), within=HEALS_WITHIN)
    assert len(shop.ids()) == 1
    found = state(shop, inbox.page.id)
    assert "unhealed" not in found
    assert found["status"] == ("connected" if budget else "reconnect")
    assert found["healing"]["status"] == "running", "it goes on when it can"
    if not budget:
        assert refusal(shop.client.post(f"/pages/{inbox.page.id}/heal")) == (409, "reconnect_page")


@pytest.mark.parametrize("purged", [False, True], ids=["stored", "purged"])
def test_healing_does_not_add_a_tap_that_a_webhook_delivered_without_an_id(
    inbox: Inbox, services: list[Service], shop: GraphShop, purged: bool
) -> None:
    """Graph lists the tap as a message with the button's title and with an id of its own. The tap is there once, or
    stays purged. The same text at another time is another message."""
    shop.bring(inbox.page)
    at = now() - 20 * MINUTE
    tap = {"title": "ចាប់ផ្តើម", "payload": "GET_STARTED"}
    part = {"sender": {"id": SOKHA}, "recipient": {"id": inbox.page.id}, "timestamp": at + 321, "postback": tap}
    with Facebook(services[0].url) as facebook:
        assert facebook.deliver(delivery([entry(inbox.page.id, at, "messaging", [part])])).status_code == 200
    (kept,) = shop.ids()
    if purged:
        assert shop.purge(f"/messages/{kept}")["messages_deleted"] == 1
    inbox.says(SOKHA, at + 321, text=tap["title"])
    typed = inbox.says(SOKHA, at + MINUTE, text=tap["title"])
    other = inbox.says(DARA, at + 321, text=tap["title"])
    heal(shop, inbox.page.id)
    found = {message["id"]: message["kind"] for message in shop.walk()}
    assert found == {typed: "message", other: "message", **({} if purged else {kept: "postback"})}
    outcome = "erased" if purged else "duplicate"
    wait_until_blocking(lambda: summed(services, "healed_messages_total") == {("stored",): 2, (outcome,): 1})
