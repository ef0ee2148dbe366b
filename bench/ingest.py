"""Ingest: measures the requests per second of one process on one core. Each request is a delivery of one text,
acknowledged after the write."""

import random
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from bench import starters
from bench.effort import Effort, Say
from bench.figures import Figure, NotMeasured
from bench.load import single_messages, tenants

GROUP: Final = "ingest, deliveries of one message"
OWN: Final = "Page Inbox"
BARE: Final = "bare ASGI"
GOAL_OF_BARE: Final = 0.5
PROCESSOR_TIME: Final = "Page Inbox, processor time of a delivery"
SHOPS: Final = 50
WARM_UP_SECONDS: Final = 0.5
"""Seconds before the measurement. In this time Node compiles frequent code, and the service caches routes and
scripts."""
FASTEST: Final = 65_000
"""Requests prepared per second of a load. Every program here answers fewer."""


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure | NotMeasured]:
    """Alternate the contestants, each from an empty store, all with the same fresh bodies in a round."""
    shops = tenants(SHOPS)
    missing = starters.without_node()
    with ExitStack() as stack:
        entrants = [starters.bare, starters.page_inbox, starters.fastapi]
        entrants += [] if missing else [starters.fastify, starters.express]
        racers = [stack.enter_context(entrant(directory)) for entrant in entrants]
        rates: dict[str, list[float]] = {racer.name: [] for racer in racers}
        busy: dict[str, list[float]] = {racer.name: [] for racer in racers}
        for number in range(effort.rounds):
            prepared = single_messages(int(FASTEST * (effort.seconds + WARM_UP_SECONDS)), shops, random.Random())
            found = starters.race(racers, shops, prepared, seconds=effort.seconds, warm_up=WARM_UP_SECONDS)
            for name, poured in found.items():
                rates[name].append(poured.per_second)
                busy[name].append(poured.busy)
            rates_now = ", ".join(f"{name} {found[-1]:,.0f}/s" for name, found in rates.items())
            say(f"ingest, round {number + 1}: {rates_now}")
    rows: list[Figure | NotMeasured] = [
        Figure(
            GROUP,
            "Page Inbox",
            rates[OWN],
            "per second",
            name,
            rates[name],
            at_least=GOAL_OF_BARE if name == BARE else 1.0,
            note=f"processor time each: {_cost(rates[OWN], busy[OWN])} and {_cost(rates[name], busy[name])}",
        )
        for name in sorted(rates, key=lambda name: -median(rates[name]))
        if name != OWN
    ]
    each = [share / rate * 1e6 for share, rate in zip(busy[OWN], rates[OWN], strict=True)]
    rows.append(Figure(GROUP, PROCESSOR_TIME, each, "us"))
    return rows + [NotMeasured(GROUP, name, missing) for name in ("Fastify + ioredis", "Express + ioredis") if missing]


def _cost(rates: list[float], busy: list[float]) -> str:
    """Returns the processor time of one request and the use of the core. If the use is below 100 %, the core was not
    the limit."""
    each = median(share / rate for share, rate in zip(busy, rates, strict=True))
    return f"{each * 1e6:.0f} us ({median(busy):.0%} busy)"
