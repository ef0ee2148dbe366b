"""Computes the memory, shards and pods for a number of shops, from the figures of the stored run (bench/ratios.json).

    python -m bench.capacity --shops 100000 --messages-per-day 100

The computation uses averages and one peak. docs/capacity.md says what is left out, what fails first, and how to react.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

from bench import ingest, memory, reads
from bench.check import STORED
from bench.figures import shown
from cache.keys import AUDIT_SECONDS, MAX_TTL_SECONDS

_DAY: Final = 86_400
_GIB: Final = 2**30

LEAST_PODS: Final = 2
"""The minimum number of pods, because one pod may be replaced or lost at any time."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of the stored run. Bytes in Valkey per message, per connected shop and per entry of the audit log.
    Seconds of processor time per delivery and per read.
    """

    message_bytes: float
    shop_bytes: float
    entry_bytes: float
    delivery_seconds: float
    read_seconds: float


@dataclass(frozen=True, slots=True)
class Load:
    """The expected load, as an average per shop."""

    shops: int
    messages_per_day: float = 100
    reads_per_day: float = 500
    reading_hours: float = 2
    peak: float = 4
    busy: float = 0.5
    headroom: float = 1.5
    shard_gib: float = 16


@dataclass(frozen=True, slots=True)
class Need:
    """The needed resources. Bytes are for all shops together, and cores are for the peak."""

    kept: float
    messages_bytes: float
    shops_bytes: float
    audit_bytes: float
    memory_bytes: float
    peak_deliveries: float
    peak_reads: float
    shards: int
    pods: int


def measured(run: Mapping[str, Any]) -> Measured:
    """Returns the figures of a run. Raises KeyError if a figure is missing."""
    values = {(row["group"], row["name"]): median(row["rounds"]) for row in run["rows"]}
    return Measured(
        message_bytes=values[memory.GROUP, memory.MESSAGE],
        shop_bytes=values[memory.GROUP, memory.SHOP],
        entry_bytes=values[memory.GROUP, memory.ENTRY],
        delivery_seconds=values[ingest.GROUP, ingest.PROCESSOR_TIME] / 1e6,
        read_seconds=1 / values[reads.GROUP, reads.FRESH_RATE],
    )


def need(load: Load, of: Measured) -> Need:
    """Returns the resources for the messages of five days, the audit entries of ninety days, and the peak hour's
    deliveries and reads."""
    kept = load.shops * load.messages_per_day * MAX_TTL_SECONDS / _DAY
    entries = load.shops * load.reading_hours * AUDIT_SECONDS / _DAY
    parts = (kept * of.message_bytes, load.shops * of.shop_bytes, entries * of.entry_bytes)
    memory_bytes = sum(parts) * load.headroom
    deliveries = load.shops * load.messages_per_day / _DAY * load.peak
    peak_reads = load.shops * load.reads_per_day / _DAY * load.peak
    cores = deliveries * of.delivery_seconds + peak_reads * of.read_seconds
    return Need(
        kept,
        *parts,
        memory_bytes,
        deliveries,
        peak_reads,
        # Valkey needs less processor time per delivery or read than the service. The estimate uses the service's time.
        shards=max(math.ceil(memory_bytes / (load.shard_gib * _GIB)), math.ceil(cores / load.busy)),
        pods=max(LEAST_PODS, math.ceil(cores / load.busy)),
    )


HEADS: Final = ("shops", "messages kept", "memory of messages", "memory of shops' records", "memory of audit logs",
                "all memory", "shards",
                "deliveries/s", "reads/s", "pods")  # fmt: skip


def line(load: Load, of: Measured) -> tuple[str, ...]:
    """Returns one line of the table. Memory is in GiB, and the sum of memory includes headroom. Deliveries and reads
    are those of the peak."""
    found = need(load, of)
    gib = (found.messages_bytes, found.shops_bytes, found.audit_bytes, found.memory_bytes)
    return (
        f"{load.shops:,}",
        f"{found.kept:,.0f}",
        *(shown(size / _GIB) for size in gib),
        f"{found.shards:,}",
        shown(found.peak_deliveries),
        shown(found.peak_reads),
        f"{found.pods:,}",
    )


def table(loads: Sequence[Load], of: Measured) -> str:
    """Returns the table as Markdown."""
    rows = [HEADS, ("---:",) * len(HEADS), *(line(load, of) for load in loads)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _arguments() -> argparse.ArgumentParser:
    usual = Load(0)
    parser = argparse.ArgumentParser(
        prog="python -m bench.capacity",
        description="Memory, shards and pods for a number of shops, from the figures of the stored benchmark.",
        epilog="A message is kept for five days, an entry of the audit log for ninety (docs/capacity.md).",
    )
    add = parser.add_argument
    add("--shops", type=int, required=True, help="how many shops")
    add("--messages-per-day", type=float, default=usual.messages_per_day, metavar="N",
        help="of one shop, in and out together (%(default)g)")  # fmt: skip
    add("--reads-per-day", type=float, default=usual.reads_per_day, metavar="N",
        help="pages of messages that one shop's programs and people read (%(default)g)")  # fmt: skip
    add("--reading-hours", type=float, default=usual.reading_hours, metavar="N",
        help="hours of a day in which a shop is read: each is an entry of its audit log (%(default)g)")  # fmt: skip
    add("--peak", type=float, default=usual.peak, metavar="X",
        help="the busiest minutes beside the average of the day (%(default)g)")  # fmt: skip
    add("--busy", type=float, default=usual.busy, metavar="X",
        help="share of a core that a pod, and a shard, may use at the peak (%(default)g)")  # fmt: skip
    add("--headroom", type=float, default=usual.headroom, metavar="X",
        help="memory in all beside the data: fragmentation, buffers, rewriting a file (%(default)g)")  # fmt: skip
    add("--shard-gib", type=float, default=usual.shard_gib, metavar="N",
        help="memory of one shard, a primary; its replica needs the same again (%(default)g)")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the line of this load, with one row per column of the table."""
    parser = _arguments()
    asked = vars(parser.parse_args(arguments))
    for name, value in asked.items():
        if not 0 <= value < math.inf or (value == 0 and name in {"busy", "shard_gib", "headroom", "peak"}):
            parser.error(f"--{name.replace('_', '-')} must be more than nothing, and finite")
    units = {
        "memory of messages": "GiB",
        "memory of shops' records": "GiB",
        "memory of audit logs": "GiB",
        "all memory": "GiB, headroom included",
    }
    load = replace(Load(0), **asked)
    for head, value in zip(HEADS, line(load, measured(json.loads(STORED.read_text()))), strict=True):
        print(f"{head:16} {value:>16} {units.get(head, '')}".rstrip())


if __name__ == "__main__":
    main()
