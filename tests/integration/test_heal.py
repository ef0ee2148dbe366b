"""What no webhook brought comes by itself: after a lost subscription, after an outage, once over all replicas."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from cache.keys import WATCH_BEAT, WATCH_DUE, WATCH_OUTAGE, ShopKeys
from cache.registry.page_fields import names
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.secret import Secret
from simulator.graph_documents import image
from simulator.graph_faults import OUTAGE, Alters, Fine, Stalls
from simulator.graph_gate import Barrier
from simulator.graph_nodes import FakePage
from simulator.graph_world import SCOPES
from simulator.payloads import delivery, entry
from simulator.serialize import Document
from tests.callers import Facebook, Operator, text_part
from tests.facebook import GraphShop, new_page, refusal, running_facebook, serving_graph
from tests.graph import FakeGraph, now
from tests.servers import Server, running
from tests.service import Service
from tests.support import wait_until_blocking

MINUTE: Final = 60_000
DAY: Final = 24 * 60 * MINUTE
HEALS_WITHIN: Final = 90.0
"""Seconds: a replica looks every five at what is due, and a heal of a few conversations takes as many."""
SOKHA, DARA, BOPHA, VANNA = (Psid(f"700000000000010{n}") for n in range(4))
SEPARATELY: Final = 0.5
"""Seconds between two calls of conversations that Facebook allows (graph-api/overview/rate-limiting)."""


class Inbox:
    """A Page whose customers write to it, at Facebook's and, as long as it is subscribed, through the webhook."""

    def __init__(self, graph: FakeGraph, valkey: Server) -> None:
        self.graph = graph
        self.page: FakePage = new_page(graph.world)
        self._valkey = valkey
        self._numbers = count(1)

    def says(self, psid: Psid, at: int, **fields: Any) -> str:
        """Something is said, of which Facebook tells nobody; the message's id."""
        number = next(self._numbers)
        mid = MessageId(f"m_{self.page.id}_{number}")
        self.graph.world.say(self.page, psid, fields.pop("text", f"និយាយ {number}"), at=at, mid=mid, **fields)
        return mid

    def delivered(self, service: Service, psid: Psid, at: int) -> str:
        """Something is said, and a webhook brings it; the message's id."""
        mid = self.says(psid, at)
        part = text_part(mid, "by webhook", page=self.page.id, customer=psid, at=at)
        with Facebook(service.url) as facebook:
            body = delivery([entry(self.page.id, at, "messaging", [part])])
            assert facebook.deliver(body).status_code == 200
        return mid

    def aged(self, ms: int) -> None:
        """Let so much time have passed since the last look and the last message: none of it is waited for."""
        _, _, state, last, _ = names(self.page.id)
        registry = ShopKeys(ShopId("shop-1")).registry
        with redis.Redis.from_url(self._valkey.url) as client:
            known = self.state()
            known["c"] -= ms + 10 * MINUTE  # it was looked at while it still wrote
            client.hset(registry, state, json.dumps(known))
            if client.hexists(registry, last):
                client.hset(registry, last, now() - ms)

    def due(self) -> None:
        """Have the Page looked at as soon as somebody looks."""
        with redis.Redis.from_url(self._valkey.url) as client:
            assert client.zadd(WATCH_DUE, {self.page.id: 0}, xx=True, ch=True) == 1

    def pause_over(self) -> None:
        """Let the pause of each refused conversation be over."""
        key = ShopKeys(ShopId("shop-1")).heal(self.page.id)
        with redis.Redis.from_url(self._valkey.url) as client:
            record = json.loads(client.get(key))
            for entry in record["unhealed"]:
                entry["next_try_at"] = 0
            client.set(key, json.dumps(record), keepttl=True)
        self.due()

    def state(self) -> dict[str, Any]:
        """What is known of the token, as it is written down."""
        with redis.Redis.from_url(self._valkey.url) as client:
            raw = client.hget(ShopKeys(ShopId("shop-1")).registry, names(self.page.id).state)
        known: dict[str, Any] = json.loads(raw)
        return known

    def beaten_back(self, ms: int) -> None:
        """Let the last sign of any replica be so much older than it is."""
        with redis.Redis.from_url(self._valkey.url) as client:
            client.set(WATCH_BEAT, now() - ms, keepttl=True)

    def outage(self) -> bytes | None:
        """The outage that is written down."""
        with redis.Redis.from_url(self._valkey.url) as client:
            told: bytes | None = client.get(WATCH_OUTAGE)
        return told

    def healed(self) -> bool:
        """Whether nothing is missing any more, as far as anybody knows."""
        return "h" not in self.state()


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    """Facebook, for one test."""
    with running_facebook() as running:
        yield running


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey apart from the one on which the other tests' service lives: it watches too, would take these Pages when
    they are due, and has no such Facebook to ask.
    """
    with running("heal", tmp_path_factory.mktemp("heal-valkey")) as server:
        yield server


@pytest.fixture
def valkey(own_valkey: Server) -> Iterator[Server]:
    """The same, empty; looked over for leaked keys afterwards."""
    own_valkey.empty()
    yield own_valkey
    assert own_valkey.unbounded_keys() == []


@pytest.fixture
def inbox(graph: FakeGraph, valkey: Server) -> Inbox:
    """A Page at Facebook that nobody here knows yet."""
    return Inbox(graph, valkey)


def replicas(
    stack: ExitStack, valkey: Server, graph: FakeGraph, directory: Path, *names: str, workers: str = "1"
) -> list[Service]:
    """Some of them, side by side on one Valkey."""
    return [
        stack.enter_context(serving_graph(valkey.url, directory / name, graph, WEB_CONCURRENCY=workers))
        for name in names
    ]


def summed(services: list[Service], metric: str) -> dict[tuple[str, ...], int]:
    """A metric over all replicas, without zeros."""
    total: dict[tuple[str, ...], int] = {}
    for service in services:
        with Operator(service.ops_url) as operator:
            for labels, number in operator.counts(metric).items():
                total[labels] = total.get(labels, 0) + number
    return {labels: number for labels, number in total.items() if number}


def events(services: list[Service], name: str) -> list[dict[str, Any]]:
    """The lines of this name in all logs."""
    return [line for service in services for line in service.lines() if line["event"] == name]


def write_down_calls(graph: FakeGraph) -> list[float]:
    """Grows with every call of a conversations edge, by its moment in seconds."""
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
    """Four came by webhook too, one of the unseen was purged, one is older than five days; in the order of the saying.

    The Page is silent for half an hour: its last message and the last look are set back, and it is due. A third replica
    starts while one of them heals.
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
        # Graph dates to the second: two of one customer in the same second must still stay in their order.
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
        services += replicas(stack, valkey, graph, tmp_path, "three")  # it looks at what is due before anything else
        held.open()

        wait_until_blocking(lambda: len(shop.ids()) >= len(said) and inbox.healed(), within=HEALS_WITHIN)
        assert shop.ids() == said[::-1], "newest first"
        assert not {purged, old} & set(shop.ids())
        assert [one["direction"] for one in shop.walk() if one["id"] == unseen[4]] == ["out"]
        assert graph.world.pages[inbox.page.id].subscriptions
        state = shop.get(f"/pages/{inbox.page.id}")
        assert (state["status"], state["subscribed"]) == ("connected", True)
        assert "healing_since" not in state
        # Twice as long as a replica takes to look again: nobody heals it a second time.
        inbox.due()
        wait_until_blocking(lambda: _looked_again(valkey, inbox.page.id), within=HEALS_WITHIN)
        assert summed(services, "healed_messages_total") == {("stored",): 11, ("duplicate",): 4, ("erased",): 1}
        assert summed(services, "subscriptions_restored_total") == {(): 1}
        assert len(events(services, "page_healed")) == 1
        writes = [one.method for one in graph.seen.of("/subscribed_apps")[asked_before:] if one.method != "GET"]
        assert writes == ["POST"]
        assert_apart(moments)
        assert shop.ids() == said[::-1]


def _looked_again(valkey: Server, page: PageId) -> bool:
    with redis.Redis.from_url(valkey.url) as client:
        return float(client.zscore(WATCH_DUE, page) or 0) > now() + 5 * MINUTE


def assert_apart(moments: list[float]) -> None:
    """No more than two a second in any stretch; its first call may have come a place late, which makes it short."""
    assert len(moments) >= 4
    for first in range(len(moments)):
        for last in range(first + 3, len(moments)):
            calls, seconds = last - first, moments[last] - moments[first]
            assert calls - 1 <= seconds / SEPARATELY, f"{calls + 1} calls in {seconds:.2f} s"


def test_after_an_outage_of_all_replicas_what_was_said_meanwhile_comes_by_itself(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """Nobody was there for ten minutes; the subscription held, and is not touched. Two replicas come back at once, each
    with two workers: all four look at what is due, and one of them heals.
    """
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
        assert len(events(services, "outage_ended")) == 1
        assert len(events(services, "page_healed")) == 1
        wait_until_blocking(lambda: summed(services, "healed_messages_total") == {("stored",): 3})
        assert summed(services, "subscriptions_restored_total") == {}
        assert {one.method for one in graph.seen.of("/subscribed_apps")} == {"GET"}
        assert inbox.outage() is not None


def test_a_heal_that_graph_breaks_off_is_taken_up_again_and_loses_nothing(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """What was fetched until then can be read; what is still missing is written down until it is there."""
    with ExitStack() as stack:
        services = replicas(stack, valkey, graph, tmp_path, "one")
        shop = stack.enter_context(GraphShop(services[0].url))
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
        assert summed(services, "healed_messages_total")["stored",] == 2
        assert summed(services, "subscriptions_restored_total") == {(): 1}


@pytest.mark.parametrize(("end", "code"), [(Service.kill, None), (Service.terminate, 0)], ids=["killed", "asked"])
def test_a_heal_whose_replica_ends_is_taken_up_by_another(
    inbox: Inbox,
    graph: FakeGraph,
    valkey: Server,
    tmp_path: Path,
    end: Callable[[Service], int | None],
    code: int | None,
) -> None:
    """Between the two conversations. The subscription is restored by then, so only what is written down tells of it.

    A replica that is asked to end does not wait for the call under way.
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
        inbox.due()  # stands for the two minutes of the dead replica's lease
        (service,) = replicas(stack, valkey, graph, tmp_path, "two")
        shop = stack.enter_context(GraphShop(service.url))
        wait_until_blocking(inbox.healed, within=HEALS_WITHIN)
        assert missed < set(shop.ids())
        assert len(shop.ids()) == 3


def test_a_token_that_the_watch_finds_dead_marks_the_page_and_is_counted_on_every_replica(
    inbox: Inbox, graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """Nobody had to ask for anything. From then on nobody calls Graph for it, and a new token ends it."""
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
    """Whether every replica counts one Page, and it is in this state."""
    for service in services:
        with Operator(service.ops_url) as operator:
            pages = {labels: number for labels, number in operator.counts("pages").items() if number}
        if pages != {(status,): 1}:
            return False
    return True
