"""A Page with missed messages, and the replicas that fetch them."""

import json
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final

import redis

from cache.keys import WATCH_BEAT, WATCH_DUE, WATCH_OUTAGE, ShopKeys
from cache.registry.page_fields import names
from domain.ids import MessageId, Psid, ShopId
from simulator.graph_nodes import FakePage
from simulator.payloads import delivery, entry
from tests.callers import Facebook, Operator, text_part
from tests.facebook import GraphShop, new_page, serving_graph
from tests.graph import FakeGraph, now
from tests.servers import Server
from tests.service import Service
from tests.support import wait_until_blocking

MINUTE: Final = 60_000
DAY: Final = 24 * 60 * MINUTE
HEALS_WITHIN: Final = 90.0
"""Seconds. A replica looks for due Pages every five seconds, and a heal of a few conversations takes as long."""
SOKHA, DARA, BOPHA, VANNA = (Psid(f"700000000000010{n}") for n in range(4))
ENDED: Final = {"complete", "cut_short"}


class Inbox:
    """A Page whose customers write to it at Facebook. While the Page is subscribed, the messages also arrive through
    the webhook."""

    def __init__(self, graph: FakeGraph, valkey: Server) -> None:
        self.graph = graph
        self.page: FakePage = new_page(graph.world)
        self._valkey = valkey
        self._numbers = count(1)

    def says(self, psid: Psid, at: int, **fields: Any) -> str:
        """A customer writes a message that Facebook does not deliver. Returns the message's id."""
        number = next(self._numbers)
        mid = MessageId(f"m_{self.page.id}_{number}")
        self.graph.world.say(self.page, psid, fields.pop("text", f"និយាយ {number}"), at=at, mid=mid, **fields)
        return mid

    def delivered(self, service: Service, psid: Psid, at: int) -> str:
        """A customer writes a message and a webhook delivers it. Returns the message's id."""
        mid = self.says(psid, at)
        part = text_part(mid, "by webhook", page=self.page.id, customer=psid, at=at)
        with Facebook(service.url) as facebook:
            body = delivery([entry(self.page.id, at, "messaging", [part])])
            assert facebook.deliver(body).status_code == 200
        return mid

    def aged(self, ms: int) -> None:
        """Move the last check and the last message this far into the past, so that a test need not wait."""
        _, _, state, last, _ = names(self.page.id)
        registry = ShopKeys(ShopId("shop-1")).registry
        with redis.Redis.from_url(self._valkey.url) as client:
            known = self.state()
            known["c"] -= ms + 10 * MINUTE  # the check came while the Page still got messages
            client.hset(registry, state, json.dumps(known))
            if client.hexists(registry, last):
                client.hset(registry, last, now() - ms)

    def due(self) -> None:
        """Make the Page due, so that the next watcher checks it."""
        with redis.Redis.from_url(self._valkey.url) as client:
            assert client.zadd(WATCH_DUE, {self.page.id: 0}, xx=True, ch=True) == 1

    def pause_over(self) -> None:
        """End the pause of each refused conversation."""
        key = ShopKeys(ShopId("shop-1")).heal(self.page.id)
        with redis.Redis.from_url(self._valkey.url) as client:
            record = json.loads(client.get(key))
            for entry in record["unhealed"]:
                entry["next_try_at"] = 0
            client.set(key, json.dumps(record), keepttl=True)
        self.due()

    def state(self) -> dict[str, Any]:
        """Returns the stored state of the token."""
        with redis.Redis.from_url(self._valkey.url) as client:
            raw = client.hget(ShopKeys(ShopId("shop-1")).registry, names(self.page.id).state)
        known: dict[str, Any] = json.loads(raw)
        return known

    def beaten_back(self, ms: int) -> None:
        """Make the last beat of any replica older by this time."""
        with redis.Redis.from_url(self._valkey.url) as client:
            client.set(WATCH_BEAT, now() - ms, keepttl=True)

    def outage(self) -> bytes | None:
        """Returns the recorded outage."""
        with redis.Redis.from_url(self._valkey.url) as client:
            told: bytes | None = client.get(WATCH_OUTAGE)
        return told

    def healed(self) -> bool:
        """Returns True if no message is missing, as far as the service knows."""
        return "h" not in self.state()


def replicas(
    stack: ExitStack, valkey: Server, graph: FakeGraph, directory: Path, *names: str, workers: str = "1"
) -> list[Service]:
    """Returns several replicas on one Valkey."""
    return [
        stack.enter_context(serving_graph(valkey.url, directory / name, graph, WEB_CONCURRENCY=workers))
        for name in names
    ]


def summed(services: list[Service], metric: str) -> dict[tuple[str, ...], int]:
    """Returns a metric added up over all replicas, without zeros."""
    total: dict[tuple[str, ...], int] = {}
    for service in services:
        with Operator(service.ops_url) as operator:
            for labels, number in operator.counts(metric).items():
                total[labels] = total.get(labels, 0) + number
    return {labels: number for labels, number in total.items() if number}


def events(services: list[Service], name: str) -> list[dict[str, Any]]:
    """Returns the lines of this name in all logs."""
    return [line for service in services for line in service.lines() if line["event"] == name]


def state(shop: GraphShop, page: str) -> dict[str, Any]:
    """Returns a Page as the API answers it."""
    found: dict[str, Any] = shop.get(f"/pages/{page}")
    return found


def heal(shop: GraphShop, page: str) -> dict[str, Any]:
    """Ask for healing and wait for its end. Returns the Page's state."""
    answer = shop.client.post(f"/pages/{page}/heal")
    assert answer.status_code == 202, answer.text
    wait_until_blocking(lambda: state(shop, page)["healing"]["status"] in ENDED, within=HEALS_WITHIN)
    return state(shop, page)


def messages_path(graph: FakeGraph, inbox: Inbox, psid: str) -> str:
    """Returns the path of a customer's conversation."""
    return f"{graph.world.pages[inbox.page.id].conversations[psid].id}/messages"
