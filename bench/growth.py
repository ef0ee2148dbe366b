"""Growth: ingest and reads of one shop as the number of kept messages rises."""

import random
from collections import defaultdict
from pathlib import Path
from typing import Final

from bench.caller import Caller
from bench.effort import GRAND_MESSAGES, Effort, Say
from bench.figures import Row, quantile
from bench.inbox import inbox
from bench.ingest import FASTEST
from bench.load import pour, single_messages, tenants

GROUP: Final = "with so many messages kept"
SHOPS: Final = 10
"""So that each has a whole page to read at the lowest level."""
LEVELS: Final = (1_000, 10_000, 100_000)
READS: Final = 1_000
MOST_ROUNDS: Final = 3
WARM_UP_SECONDS: Final = 0.3


def measure(directory: Path, effort: Effort, say: Say) -> list[Row]:
    """In each round, each level from an empty store: fill, read, then pour."""
    shops = tenants(SHOPS)
    levels = (
        [*LEVELS, GRAND_MESSAGES] if effort.full else [level for level in LEVELS if level <= effort.count(LEVELS[-1])]
    )
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    with inbox(directory / "growth") as own:
        for number in range(min(effort.rounds, MOST_ROUNDS)):
            for level in levels:
                rng = random.Random()
                own.begin(shops)
                own.fill_texts(level, shops, rng)
                prepared = single_messages(int(FASTEST / 2 * (effort.seconds + WARM_UP_SECONDS)), shops, rng)
                with Caller(own.server.port) as caller:
                    reads = [own.newest(shop) for shop in rng.choices(shops, k=effort.count(READS))]
                    caller.timed(reads[:50])
                    taken = caller.timed(reads)
                poured = pour(own.server.port, prepared, seconds=effort.seconds, warm_up=WARM_UP_SECONDS)
                found["ingest", level].append(poured.per_second)
                found["p50", level].append(quantile(taken, 0.5) * 1e6)
                found["p99", level].append(quantile(taken, 0.99) * 1e6)
                say(f"growth, round {number + 1}: {level:,} kept, {poured.per_second:,.0f}/s")
    rows = []
    for what, label, unit in (
        ("ingest", "ingest", "per second"),
        ("p50", "newest 50, p50", "us"),
        ("p99", "newest 50, p99", "us"),
    ):
        least = found[what, levels[0]]
        rows.append(Row(GROUP, f"{levels[0]:>9,}: {label}", least, unit))
        rows += [
            Row(GROUP, f"{level:>9,}: {label}", found[what, level], unit, f"{levels[0]:,} kept", least)
            for level in levels[1:]
        ]
    return rows
