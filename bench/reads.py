"""Reads: compares a read of 50 messages over HTTP with one MGET of the same bytes.

The newest page and a deep page are read repeatedly, as composers and consoles do. Pages without an earlier read are
measured too. The reads per second of the server's own processor time show the limit of a core. Other work on the
machine hardly changes this figure.
"""

import random
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from bench.caller import Caller, request
from bench.effort import Effort, Say
from bench.figures import Figure, quantile
from bench.inbox import Inbox, inbox
from bench.load import Tenant, tenants
from bench.processes import Process, free_port, running

GROUP: Final = "read 50 messages over HTTP"
BESIDE: Final = "one MGET of the same"
GOAL: Final = 0.5
FRESH_RATE: Final = "a page nobody has read, of a busy core"
MESSAGES: Final = 20_000
PAGE: Final = 50
PAGES_DOWN: Final = 100
"""The position of the deep page: 5,000 messages below the newest."""
READS: Final = 1_000
"""Reads of each kind in a round. Ten of them are above the p99."""
FRESH: Final = 40
"""Pages per round that were not read before. The store has enough pages below the deep page for seven rounds."""
SEARCHES: Final = 5
"""Calls of a search per round. The rate limit of a shop allows no more."""
WARM_UP: Final = 50


@dataclass(frozen=True, slots=True)
class _Side:
    """A server and its requests by page."""

    server: Process
    asked: Mapping[str, bytes]

    def read(self, name: str, count: int) -> tuple[list[float], float]:
        """Returns the seconds of each read, and the reads per second of the server's processor time."""
        with Caller(self.server.port) as caller:
            caller.timed([self.asked[name]] * WARM_UP)
            cpu = self.server.cpu_seconds()
            taken = caller.timed([self.asked[name]] * count)
            return taken, count / (self.server.cpu_seconds() - cpu)


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Alternate the pages of both servers, one request after another on one connection."""
    (shop,) = tenants(1)
    count, reads = effort.count(MESSAGES), effort.count(READS)
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        own = stack.enter_context(inbox(directory / "reads"))
        own.begin([shop])
        own.fill_texts(count, [shop], random.Random())
        ours = _Side(own.server, _pages(own, shop, min(PAGES_DOWN, count // PAGE // 2)))
        port = free_port()
        environment = {"PORT": str(port), "REDIS_URL": own.valkey_url}
        command = [sys.executable, "-m", "bench.contestants.mget"]
        log = directory / "mget.log"
        server = stack.enter_context(running(command, environment, log, port=port, ready=(port, "/first")))
        bare = _Side(server, {name: request("GET", f"/{name}") for name in ours.asked})
        _same(ours, bare)
        fresh = ours.asked["deep"]
        for number in range(effort.rounds):
            for name in ours.asked:
                for label, side in (("own", ours), ("bare", bare)):
                    taken, rate = side.read(name, reads)
                    found[name, label, "p50"].append(quantile(taken, 0.5) * 1e6)
                    found[name, label, "p99"].append(quantile(taken, 0.99) * 1e6)
                    found[name, label, "rate"].append(rate)
            rate, fresh = _walk(own, shop, fresh, effort.count(FRESH))
            found["fresh", "own", "rate"].append(rate)
            found["fresh", "bare", "rate"].append(found["deep", "bare", "rate"][-1])
            found["search", "own", "ms"] += _search(own, shop)
            say(f"reads, round {number + 1}: first page p50 {found['first', 'own', 'p50'][-1]:.0f} us")
    names = {"first": "first page", "deep": "deep page", "fresh": FRESH_RATE.partition(",")[0]}
    rows = [
        Figure(GROUP, f"{names[name]}, {label}", found[name, "own", label], "us", BESIDE, found[name, "bare", label])
        for name in ours.asked
        for label in ("p50", "p99")
    ]
    return rows + [
        Figure(GROUP, f"{label}, of a busy core", found[name, "own", "rate"], "per second", BESIDE,
            found[name, "bare", "rate"], at_least=GOAL if name == "first" else None)
        for name, label in names.items()
    ] + [Figure(GROUP, "search that finds nothing, 1,000 messages", found["search", "own", "ms"], "ms")]  # fmt: skip


def _pages(own: Inbox, shop: Tenant, down: int) -> dict[str, bytes]:
    """Returns the requests for the first page and a deep page. Their messages are stored as plain JSON too."""
    first = deep = own.newest(shop)
    with Caller(own.server.port) as caller:
        for _ in range(down):
            deep = own.newest(shop, caller.ask_json(deep)["next_cursor"])
        for name, one in (("first", first), ("deep", deep)):
            _copy(own, name, caller.ask(one))
    return {"first": first, "deep": deep}


def _same(ours: _Side, bare: _Side) -> None:
    with Caller(ours.server.port) as caller, Caller(bare.server.port) as other:
        for name, one in ours.asked.items():
            if orjson.loads(other.ask(bare.asked[name])) != orjson.loads(caller.ask(one)):
                raise RuntimeError("the two servers answer different messages")


def _walk(own: Inbox, shop: Tenant, asked: bytes, pages: int) -> tuple[float, bytes]:
    """Returns the pages per second of processor time, from the page after `asked` on, and the end position of the
    walk."""
    with Caller(own.server.port) as caller:
        cpu = own.server.cpu_seconds()
        for _ in range(pages):
            asked = own.newest(shop, caller.ask_json(asked)["next_cursor"])
        return pages / (own.server.cpu_seconds() - cpu), asked


def _search(own: Inbox, shop: Tenant) -> list[float]:
    """Returns the milliseconds of each call of a search, per 1,000 messages."""
    taken, cursor = [], None
    with Caller(own.server.port) as caller:
        for _ in range(SEARCHES):
            began = time.perf_counter()
            answer = caller.ask_json(own.newest(shop, cursor, search="nobody writes this"))
            if not answer["looked_at"]:  # the end
                break
            taken.append((time.perf_counter() - began) * 1e6 / answer["looked_at"])
            cursor = answer["next_cursor"]
    return taken


def _copy(own: Inbox, name: str, body: bytes) -> None:
    """Store the same messages as plain JSON."""
    page = orjson.loads(body)
    head, tail = f"bare:{name}:", b'],"next_cursor":' + orjson.dumps(page["next_cursor"]) + b"}"
    parts = {f"{head}{number}": orjson.dumps(message) for number, message in enumerate(page["messages"])}
    own.valkey.mset({**parts, f"{head}tail": tail})
