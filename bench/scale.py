"""Scale: compares the ingest of one process with two processes on one port, and a cluster of one primary with a cluster
of three. Here the service may use every core, because two processes need two. Valkey and the sender use the second
core. So a machine with two cores cannot show twice the throughput. It shows the messages stored per second of processor
time. If this figure is the same with two processes, a further core adds the same throughput again.
"""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import redis

from bench.cluster import cluster
from bench.effort import Effort, Say
from bench.figures import Figure
from bench.inbox import Inbox, empty, kept, serving, store
from bench.ingest import FASTEST, SHOPS, WARM_UP_SECONDS
from bench.load import Tenant, pour, single_messages, tenants
from cache.keys import SHOP_INDEX

GROUP: Final = f"scale, deliveries of one message, {os.cpu_count()} cores for everything"
ONE, TWO = "1 process", "2 processes"
ONE_PRIMARY, THREE_PRIMARIES = "cluster of 1 primary", "cluster of 3 primaries"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running service, and every server of its store."""

    inbox: Inbox
    nodes: Sequence[redis.Redis]

    def begin(self, shops: Sequence[Tenant]) -> None:
        """Start from an empty store."""
        for node in self.nodes:
            empty(node)
        self.inbox.begin(shops)

    def kept(self) -> int:
        """Messages on all servers."""
        return sum(kept(node, SHOP_INDEX) for node in self.nodes)


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Alternate the contestants, each from an empty store, all with the same fresh bodies in a round."""
    shops = tenants(SHOPS)
    rates: dict[str, list[float]] = {name: [] for name in (ONE, TWO, ONE_PRIMARY, THREE_PRIMARIES)}
    busy: dict[str, list[float]] = {name: [] for name in rates}
    with ExitStack() as stack:
        contestants = {
            ONE: stack.enter_context(_alone(directory / "one", 1)),
            TWO: stack.enter_context(_alone(directory / "two", 2)),
            ONE_PRIMARY: stack.enter_context(_on_cluster(directory / "primary", 1)),
            THREE_PRIMARIES: stack.enter_context(_on_cluster(directory / "primaries", 3)),
        }
        for number in range(effort.rounds):
            rng = random.Random()
            prepared = single_messages(int(FASTEST * (effort.seconds + WARM_UP_SECONDS)), shops, rng)
            for name in rng.sample(list(contestants), len(contestants)):
                contestant = contestants[name]
                contestant.begin(shops)
                server = contestant.inbox.server
                poured = pour(
                    server.port, prepared, seconds=effort.seconds, warm_up=WARM_UP_SECONDS, cpu=server.cpu_seconds
                )
                if (found := contestant.kept()) != poured.answered:
                    raise RuntimeError(f"{name} answered 200 to {poured.answered} messages and stored {found}")
                rates[name].append(poured.per_second)
                busy[name].append(poured.busy)
            rates_now = ", ".join(f"{name} {found[-1]:,.0f}/s" for name, found in rates.items())
            say(f"scale, round {number + 1}: {rates_now}")
    each = {
        name: [rate / share for rate, share in zip(rates[name], busy[name], strict=True)]
        for name in rates
        if all(busy[name])
    }
    rows = [
        Figure(GROUP, TWO, rates[TWO], "per second", ONE, rates[ONE], note=_cores(busy[TWO], busy[ONE])),
        Figure(GROUP, THREE_PRIMARIES, rates[THREE_PRIMARIES], "per second", ONE_PRIMARY, rates[ONE_PRIMARY],
            note=_cores(busy[THREE_PRIMARIES], busy[ONE_PRIMARY]) + "; one process keeps no primary busy"),
        Figure(GROUP, ONE_PRIMARY, rates[ONE_PRIMARY], "per second", "no cluster", rates[ONE]),
    ]  # fmt: skip
    if len(each) == len(rates):
        note = "a further core of its own would bring so much again"
        rows.insert(1, Figure(GROUP, f"{TWO}, by time used", each[TWO], "per core", ONE, each[ONE], note=note))
    return rows


def _cores(busy: Sequence[float], beside: Sequence[float]) -> str:
    return f"the service had {median(busy):.2f} and {median(beside):.2f} cores; Valkey and the sender had the rest"


@contextmanager
def _alone(directory: Path, processes: int) -> Iterator[Contestant]:
    with store(directory / "valkey") as valkey, _serving(directory, valkey.url, [valkey.url], processes) as made:
        yield made


@contextmanager
def _on_cluster(directory: Path, primaries: int) -> Iterator[Contestant]:
    with cluster(directory, primaries) as (url, nodes), _serving(directory, url, nodes, 1) as made:
        yield made


@contextmanager
def _serving(directory: Path, url: str, nodes: Sequence[str], processes: int) -> Iterator[Contestant]:
    with ExitStack() as stack:
        own = stack.enter_context(serving(directory, url, nodes[0], "any", WEB_CONCURRENCY=str(processes)))
        yield Contestant(own, [stack.enter_context(redis.Redis.from_url(node)) for node in nodes])
