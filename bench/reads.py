"""Reads: the newest 50 messages of a shop over HTTP, first page and deep page, beside one MGET of the same bytes."""

import random
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import orjson

from bench.caller import Caller, request
from bench.effort import Effort, Say
from bench.figures import Row, quantile
from bench.inbox import Inbox, inbox
from bench.load import tenants
from bench.processes import free_port, running

GROUP: Final = "read 50 messages over HTTP"
MESSAGES: Final = 10_000
PAGE: Final = 50
PAGES_DOWN: Final = 100
"""The deep page: 5,000 messages below the newest."""
READS: Final = 1_000
"""of each kind in a round: ten stand above the p99"""


def measure(directory: Path, effort: Effort, say: Say) -> list[Row]:
    """Alternate both pages of both servers, one request after another on one connection."""
    (shop,) = tenants(1)
    count, reads = effort.count(MESSAGES), effort.count(READS)
    with ExitStack() as stack:
        own = stack.enter_context(inbox(directory / "reads"))
        own.begin([shop])
        own.fill_texts(count, [shop], random.Random())
        caller = stack.enter_context(Caller(own.server.port))
        asked = {"first": own.newest(shop), "deep": own.newest(shop)}
        for _ in range(min(PAGES_DOWN, count // PAGE - 1)):
            asked["deep"] = own.newest(shop, caller.ask_json(asked["deep"])["next_cursor"])
        for name, one in asked.items():
            _copy(own, name, caller.ask(one))
        port = free_port()
        environment = {"PORT": str(port), "REDIS_URL": own.valkey_url}
        command = [sys.executable, "-m", "bench.contestants.mget"]
        log = directory / "mget.log"
        stack.enter_context(running(command, environment, log, port=port, ready=(port, "/first")))
        bare = stack.enter_context(Caller(port))
        bare_asked = {name: request("GET", f"/{name}") for name in asked}
        for name, one in asked.items():
            if orjson.loads(bare.ask(bare_asked[name])) != orjson.loads(caller.ask(one)):
                raise RuntimeError("the two servers answer different messages")
        p50: dict[tuple[str, str], list[float]] = defaultdict(list)
        p99: dict[tuple[str, str], list[float]] = defaultdict(list)
        for number in range(effort.rounds):
            for name, one in asked.items():
                for side, who, what in (("own", caller, one), ("bare", bare, bare_asked[name])):
                    who.timed([what] * 50)
                    taken = who.timed([what] * reads)
                    p50[name, side].append(quantile(taken, 0.5) * 1e6)
                    p99[name, side].append(quantile(taken, 0.99) * 1e6)
            say(f"reads, round {number + 1}: first page p50 {p50['first', 'own'][-1]:.0f} us")
    beside = "one MGET of the same"
    return [
        Row(GROUP, f"{name} page, {label}", found[name, "own"], "us", beside, found[name, "bare"])
        for name in asked
        for label, found in (("p50", p50), ("p99", p99))
    ]


def _copy(own: Inbox, name: str, body: bytes) -> None:
    """Lay the same messages down as plain JSON."""
    page = orjson.loads(body)
    head, tail = f"bare:{name}:", b'],"next_cursor":' + orjson.dumps(page["next_cursor"]) + b"}"
    parts = {f"{head}{number}": orjson.dumps(message) for number, message in enumerate(page["messages"])}
    own.valkey.mset({**parts, f"{head}tail": tail})
