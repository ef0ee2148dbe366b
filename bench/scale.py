"""Scale: compares the ingest of one process with two processes on one port, and a cluster of one primary with a cluster
of three. Here the service may use every core, because two processes need two. Valkey and the sender use the second
core. So a machine with two cores cannot show twice the throughput. The figure is therefore the number of messages
stored per second of processor time. If two processes have the same figure as one, each further core adds the throughput
of one core.
"""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import redis

from bench.cluster import cluster
from bench.effort import Effort, Say
from bench.figures import Figure
from bench.inbox import empty, kept, serving, store
from bench.ingest import FASTEST, SHOPS, WARM_UP_SECONDS
from bench.load import Tenant, single_messages, tenants
from bench.starters import Racer, race
from cache.keys import SHOP_INDEX

GROUP: Final = f"scale, deliveries of one message, {os.cpu_count()} cores for everything"
ONE, TWO = "1 process", "2 processes"
ONE_PRIMARY, THREE_PRIMARIES = "cluster of 1 primary", "cluster of 3 primaries"


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Alternate the contestants, each from an empty store, all with the same fresh bodies in a round."""
    shops = tenants(SHOPS)
    rates: dict[str, list[float]] = {name: [] for name in (ONE, TWO, ONE_PRIMARY, THREE_PRIMARIES)}
    busy: dict[str, list[float]] = {name: [] for name in rates}
    with ExitStack() as stack:
        racers = [
            stack.enter_context(_alone(ONE, directory / "one", 1)),
            stack.enter_context(_alone(TWO, directory / "two", 2)),
            stack.enter_context(_on_cluster(ONE_PRIMARY, directory / "primary", 1)),
            stack.enter_context(_on_cluster(THREE_PRIMARIES, directory / "primaries", 3)),
        ]
        for number in range(effort.rounds):
            prepared = single_messages(int(FASTEST * (effort.seconds + WARM_UP_SECONDS)), shops, random.Random())
            found = race(racers, shops, prepared, seconds=effort.seconds, warm_up=WARM_UP_SECONDS)
            for name, poured in found.items():
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
def _alone(name: str, directory: Path, processes: int) -> Iterator[Racer]:
    with store(directory / "valkey") as valkey, _serving(name, directory, valkey.url, [valkey.url], processes) as made:
        yield made


@contextmanager
def _on_cluster(name: str, directory: Path, primaries: int) -> Iterator[Racer]:
    with cluster(directory, primaries) as (url, nodes), _serving(name, directory, url, nodes, 1) as made:
        yield made


@contextmanager
def _serving(name: str, directory: Path, url: str, urls: Sequence[str], processes: int) -> Iterator[Racer]:
    with ExitStack() as stack:
        own = stack.enter_context(serving(directory, url, urls[0], "any", WEB_CONCURRENCY=str(processes)))
        nodes = [stack.enter_context(redis.Redis.from_url(node)) for node in urls]

        def begin(shops: Sequence[Tenant]) -> None:
            for node in nodes:
                empty(node)
            own.begin(shops)

        yield Racer(name, own.server, begin, lambda: sum(kept(node, SHOP_INDEX) for node in nodes))
