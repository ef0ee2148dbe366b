"""Healing: the service fetches messages that no webhook has delivered, after a lost subscription and after an outage,
once over all replicas."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import redis

from cache.keys import WATCH_DUE
from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_documents import image
from simulator.graph_faults import OUTAGE, Alters, Fine, Stalls
from simulator.graph_gate import Barrier
from simulator.graph_world import SCOPES
from simulator.serialize import Document
from tests.callers import Operator
from tests.facebook import GraphShop, refusal
from tests.graph import FakeGraph, now
from tests.healing import BOPHA, DARA, DAY, HEALS_WITHIN, MINUTE, SOKHA, VANNA, Inbox, events, replicas, summed
from tests.servers import Server
from tests.service import Service
from tests.support import wait_until_blocking

SEPARATELY: Final = 0.5
"""Seconds between two calls of conversations that Facebook allows (graph-api/overview/rate-limiting)."""


def write_down_calls(graph: FakeGraph) -> list[float]:
    """Returns a list that gets the time, in seconds, of every call of a conversations edge."""
    moments: list[float] = []

    def note(document: Document) -> None:
        del document
        moments.append(time.monotonic())

    for edge in ("/conversations", "/messages"):
        graph.faults.script(edge, Alters(note), times=None)
    return moments


def test_a_lost_subscription_with_fifteen_unseen_messages_heals_once_with_two_replicas(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """Four of the messages also arrived by webhook, one missing message was purged, and one is older than five days.
    The shop reads the messages in the order in which they were sent.

    The test makes the Page silent for half an hour: it sets the times of the last message and of the last check back,
    so that the Page is due for a check. A third replica starts while another replica heals.
    """
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "one", "two")
        shop = stack.enter_context(GraphShop(services[0].url))
        shop.bring(inbox.page)
        began = now() - 40 * MINUTE
        old = inbox.says(BOPHA, now() - 5 * DAY - 11 * MINUTE)
        told = [
            inbox.delivered(services[n % 2], psid, began + n * 1000)
            for n, psid in enumerate((SOKHA, DARA, SOKHA, DARA))
        ]
        purged = inbox.delivered(services[0], SOKHA, began + 5000)
        shop.purge(f"/messages/{purged}")
        wait_until_blocking(lambda: sorted(shop.ids()) == sorted(told))

        graph.world.unsubscribe(inbox.page.id)
        # Graph's times are in whole seconds: two messages of one customer in the same second must keep their order.
        later = began + 10 * MINUTE
        who = (SOKHA, SOKHA, DARA, BOPHA, SOKHA, DARA, DARA, VANNA, SOKHA, SOKHA, DARA)
        seconds = (0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8)
        unseen = [
            inbox.says(psid, later + second * 1000 + n, from_page=n == 4)
            for n, (psid, second) in enumerate(zip(who, seconds, strict=True))
        ]
        said = [*told, *unseen]
        assert len(said) == 15
        held = Barrier()
        graph.faults.script("/conversations", Stalls(held))
        moments = write_down_calls(graph)
        asked_before = len(graph.seen.of("/subscribed_apps"))
        inbox.aged(31 * MINUTE)
        inbox.due()
        wait_until_blocking(lambda: held.waiting == 1, within=HEALS_WITHIN)
        services += replicas(stack, valkey, graph, tmp_path, "three")  # it looks for due Pages first
        held.open()

        wait_until_blocking(lambda: len(shop.ids()) >= len(said) and inbox.healed(), within=HEALS_WITHIN)
        assert shop.ids() == said[::-1], "newest first"
        assert not {purged, old} & set(shop.ids())
        assert [one["direction"] for one in shop.walk() if one["id"] == unseen[4]] == ["out"]
        assert graph.world.pages[inbox.page.id].subscriptions
        state = shop.get(f"/pages/{inbox.page.id}")
        assert (state["status"], state["subscribed"]) == ("connected", True)
        assert "healing_since" not in state
        # Twice the time until a replica looks again: no replica heals the Page a second time.
        inbox.due()
        wait_until_blocking(lambda: _looked_again(valkey, inbox.page.id), within=HEALS_WITHIN)
        wait_until_blocking(
            lambda: summed(services, "healed_messages_total") == {("stored",): 11, ("duplicate",): 4, ("erased",): 1}
        )
        wait_until_blocking(lambda: summed(services, "subscriptions_restored_total") == {(): 1})
        wait_until_blocking(lambda: len(events(services, "page_healed")) == 1)
        writes = [one.method for one in graph.seen.of("/subscribed_apps")[asked_before:] if one.method != "GET"]
        assert writes == ["POST"]
        assert_apart(moments)
        assert shop.ids() == said[::-1]


def _looked_again(valkey: Server, page: PageId) -> bool:
    with redis.Redis.from_url(valkey.url) as client:
        return float(client.zscore(WATCH_DUE, page) or 0) > now() + 5 * MINUTE


def assert_apart(moments: list[float]) -> None:
    """Check that in any stretch of time there are at most two calls per second. One further call is allowed, because
    the first call of a stretch may have come late."""
    assert len(moments) >= 4
    for first in range(len(moments)):
        for last in range(first + 3, len(moments)):
            calls, seconds = last - first, moments[last] - moments[first]
            assert calls - 1 <= seconds / SEPARATELY, f"{calls + 1} calls in {seconds:.2f} s"


def test_replicas_fetch_the_messages_of_an_outage_by_themselves(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """No replica runs for ten minutes, and the subscription stays unchanged. Two replicas come back at the same time,
    each with two workers. All four workers look for due Pages, and one of them heals."""
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "one", "two")
        shop = stack.enter_context(GraphShop(services[0].url))
        shop.bring(inbox.page)
        told = inbox.delivered(services[1], SOKHA, now() - 30 * MINUTE)
        assert [service.terminate() for service in services] == [0, 0]
    inbox.beaten_back(10 * MINUTE)
    photo = [image("https://cdn.example/a.jpg", "1")]
    missed = [
        inbox.says(SOKHA, now() - 9 * MINUTE),
        inbox.says(DARA, now() - 8 * MINUTE, text=None, attachments=photo),
        inbox.says(SOKHA, now() - 7 * MINUTE),
    ]
    graph.seen.forget()
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "three", "four", workers="2")
        shop = stack.enter_context(GraphShop(services[0].url))
        wait_until_blocking(lambda: len(shop.ids()) == 4 and inbox.healed(), within=HEALS_WITHIN)
        assert shop.ids() == [*missed[::-1], told]
        assert [one["attachments"] for one in shop.walk() if one["id"] == missed[1]] == [
            [{"type": "image", "url": "https://cdn.example/a.jpg"}]
        ]
        wait_until_blocking(lambda: len(events(services, "outage_ended")) == 1)
        assert len(events(services, "page_healed")) == 1
        wait_until_blocking(lambda: summed(services, "healed_messages_total") == {("stored",): 3})
        wait_until_blocking(lambda: summed(services, "subscriptions_restored_total") == {})
        assert {one.method for one in graph.seen.of("/subscribed_apps")} == {"GET"}
        assert inbox.outage() is not None


def test_a_heal_continues_after_an_error_of_graph_and_loses_no_message(
    inbox: Inbox, graph: FakeGraph, services: list[Service], shop: GraphShop
) -> None:
    """The shop can read the messages that were fetched before. The missing part stays recorded until it is fetched."""
    shop.bring(inbox.page)
    inbox.delivered(services[0], BOPHA, now() - 50 * MINUTE)
    graph.world.unsubscribe(inbox.page.id)
    first = inbox.says(SOKHA, now() - 20 * MINUTE)
    second = inbox.says(DARA, now() - 10 * MINUTE)
    graph.faults.script("/messages", Fine(), OUTAGE, OUTAGE, OUTAGE)
    inbox.aged(31 * MINUTE)
    inbox.due()
    wait_until_blocking(lambda: events(services, "look_failed"), within=HEALS_WITHIN)
    assert graph.faults.left() == 0
    assert shop.ids()[0] == second
    assert first not in shop.ids()
    assert not inbox.healed()
    assert "healing_since" in shop.get(f"/pages/{inbox.page.id}")

    inbox.due()
    wait_until_blocking(inbox.healed, within=HEALS_WITHIN)
    assert sorted(shop.ids()[:2]) == sorted([first, second])
    assert len(shop.ids()) == 3
    wait_until_blocking(lambda: summed(services, "healed_messages_total").get(("stored",)) == 2)
    wait_until_blocking(lambda: summed(services, "subscriptions_restored_total") == {(): 1})


@pytest.mark.parametrize(("end", "code"), [(Service.kill, None), (Service.terminate, 0)], ids=["killed", "asked"])
def test_another_replica_continues_a_heal_after_its_replica_ends(
    inbox: Inbox,
    graph: FakeGraph,
    valkey: Server,
    tmp_path: Path,
    end: Callable[[Service], int | None],
    code: int | None,
) -> None:
    """The replica ends between two conversations. The subscription is restored by then, so only the record shows
    what is missing.

    A replica that must end does not wait for its call of Graph.
    """
    held = Barrier()
    with ExitStack() as stack:
        (service,) = replicas(stack, valkey, graph, tmp_path, "one")
        with GraphShop(service.url) as shop:
            shop.bring(inbox.page)
        inbox.delivered(service, BOPHA, now() - 50 * MINUTE)
        graph.world.unsubscribe(inbox.page.id)
        missed = {inbox.says(SOKHA, now() - 20 * MINUTE), inbox.says(DARA, now() - 10 * MINUTE)}
        graph.faults.script("/messages", Fine(), Stalls(held))
        inbox.aged(31 * MINUTE)
        inbox.due()
        wait_until_blocking(lambda: held.waiting == 1, within=HEALS_WITHIN)
        assert end(service) == code
        assert events([service], "task_left_behind") == []
        held.open()
        assert graph.world.pages[inbox.page.id].subscriptions
        inbox.due()  # replaces the two minutes of the dead replica's lease
        (service,) = replicas(stack, valkey, graph, tmp_path, "two")
        shop = stack.enter_context(GraphShop(service.url))
        wait_until_blocking(inbox.healed, within=HEALS_WITHIN)
        assert missed < set(shop.ids())
        assert len(shop.ids()) == 3


def test_a_dead_token_found_by_the_watch_marks_the_page_and_every_replica_counts_it(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """The shop makes no call before the Page is marked. No replica calls Graph for this Page again until the shop sends
    a new token."""
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "one", "two")
        shop = stack.enter_context(GraphShop(services[0].url))
        shop.bring(inbox.page)
        graph.world.revoke(inbox.page.token, 460)
        inbox.aged(25 * 60 * MINUTE)
        inbox.due()
        wait_until_blocking(lambda: not inbox.state().get("a", 1), within=HEALS_WITHIN)
        state = shop.get(f"/pages/{inbox.page.id}")
        assert (state["status"], state["token_alive"], state["token_reason"]) == (
            "reconnect",
            False,
            "password_changed",
        )
        asked = graph.seen.total
        assert refusal(shop.ask(inbox.page.id, "posts")) == (409, "reconnect_page")
        wait_until_blocking(lambda: _counted(services, "reconnect"), within=HEALS_WITHIN)
        assert graph.seen.total == asked

        fresh = graph.world.add_token(Secret("EAAFresh" * 8), "PAGE", page=inbox.page.id, scopes=SCOPES)
        assert shop.connect_with(inbox.page.id, fresh.value).json()["status"] == "connected"


def _counted(services: list[Service], status: str) -> bool:
    """Returns True if every replica counts one Page, and this Page is in this state."""
    for service in services:
        with Operator(service.ops_url) as operator:
            pages = {labels: number for labels, number in operator.counts("pages").items() if number}
        if pages != {(status,): 1}:
            return False
    return True
