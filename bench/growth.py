"""Growth: measures the cost of a delivery and a read as the number of messages or shops grows, or as one shop has all
messages.

A cost is the processor time of the service and Valkey together, because other work on the machine hardly changes it.
The throughput and the slowest of a hundred reads are measured too. `make chart` draws the result (bench/chart.py).
"""

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.caller import Caller
from bench.effort import Effort, Say
from bench.figures import Figure, quantile
from bench.inbox import Inbox, inbox
from bench.load import Tenant, pour, single_messages, tenants

FASTEST: Final = 15_000
"""Deliveries prepared per second of a load. The service answers fewer, because Valkey shares its core with the
sender."""
READS: Final = 1_000
LARGE: Final = 1_000_000
"""A level of this size or larger is measured in one round only, and not at all with `--quick`."""
MOST_ROUNDS: Final = 2
WARM_UP_SECONDS: Final = 0.3
BESIDE_LEAST: Final = 1.1
"""A cost may grow as the logarithm of the size grows, times this factor for random differences."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One size that grows, with the numbers of shops and messages at each level."""

    name: str
    levels: Sequence[tuple[int, int]]
    by_shops: bool = False

    def size(self, level: tuple[int, int]) -> int:
        """Returns the label on the axis."""
        return level[0] if self.by_shops else level[1]


MESSAGES: Final = Axis("messages kept, in ten shops", [(10, 10**power) for power in (3, 4, 5, 6)])
ONE_SHOP: Final = Axis("messages kept, all in one shop", [(1, 10**power) for power in (3, 4, 5, 6)])
SHOPS: Final = Axis("shops, with 100,000 messages", [(10**power, 100_000) for power in range(6)], by_shops=True)

COSTS: Final = {
    "delivery": ("delivery, processor time", "us"),
    "read": ("newest 50, processor time", "us"),
    "p99": ("newest 50, p99", "us"),
    "ingest": ("ingest", "per second"),
}


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """In each round, begin each level with an empty store: fill it, read, and then send deliveries."""
    rows = []
    for axis in (MESSAGES, ONE_SHOP, SHOPS) if effort.full else (MESSAGES,):
        found: dict[tuple[str, tuple[int, int]], list[float]] = defaultdict(list)
        levels = [level for level in axis.levels if max(level) < LARGE or effort.divisor == 1]
        with inbox(directory / f"growth-{axis.name.partition(',')[2].strip().replace(' ', '-')}") as own:
            for number in range(min(effort.rounds, MOST_ROUNDS)):
                prepared: dict[int, list[bytes]] = {}
                for level in levels:
                    if number and max(*level) >= LARGE:
                        continue
                    if level[0] not in prepared:
                        prepared[level[0]] = _prepared(level[0], effort)
                    for name, value in _at(own, level, prepared[level[0]], effort).items():
                        found[name, level].append(value)
                    say(f"growth, round {number + 1}: {level[1]:,} messages in {level[0]:,} shops")
        rows += [_row(axis, name, level, levels[0], found) for name in COSTS for level in levels]
    return rows


def _row(
    axis: Axis,
    name: str,
    level: tuple[int, int],
    least: tuple[int, int],
    found: dict[tuple[str, tuple[int, int]], list[float]],
) -> Figure:
    label, unit = COSTS[name]
    values, beside = found[name, level], found[name, least]
    title = f"{label} at {axis.size(level):,}"
    if level == least:
        return Figure(axis.name, title, values, unit)
    allowed = math.log(10 * axis.size(level)) / math.log(10 * axis.size(least)) * BESIDE_LEAST
    most = allowed if name in {"delivery", "read"} else None
    return Figure(axis.name, title, values, unit, f"{axis.size(least):,}", beside[: len(values)], at_most=most)


def _at(own: Inbox, level: tuple[int, int], prepared: Sequence[bytes], effort: Effort) -> dict[str, float]:
    """Returns the costs with this number of shops and messages."""
    rng = random.Random()
    shops = tenants(level[0])
    own.begin(shops)
    own.fill_texts(level[1], shops, rng)
    with Caller(own.server.port) as caller:
        reads = [own.newest(shop) for shop in rng.choices(_among(shops, rng), k=effort.count(READS))]
        caller.timed(reads)
        cpu = _cpu(own)
        taken = caller.timed(reads)
        read = (_cpu(own) - cpu) / len(reads)
    cpu = _cpu(own)
    poured = pour(own.server.port, prepared, seconds=effort.seconds, warm_up=WARM_UP_SECONDS)
    return {
        "delivery": (_cpu(own) - cpu) / poured.answered * 1e6,
        "read": read * 1e6,
        "p99": quantile(taken, 0.99) * 1e6,
        "ingest": poured.per_second,
    }


def _prepared(shops: int, effort: Effort) -> list[bytes]:
    """Returns the deliveries of one round. The same deliveries are new messages at each level, because each level
    begins with an empty store."""
    rng = random.Random()
    return single_messages(int(FASTEST * (effort.seconds + WARM_UP_SECONDS)), _among(tenants(shops), rng), rng)


def _among(shops: Sequence[Tenant], rng: random.Random) -> Sequence[Tenant]:
    """Returns at most a thousand of the shops, because in production not all shops get messages in the same second."""
    return rng.sample(shops, min(len(shops), 1_000))


def _cpu(own: Inbox) -> float:
    """Returns the seconds of processor time of the service and Valkey so far."""
    info = own.valkey.info("cpu")
    return own.server.cpu_seconds() + float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
