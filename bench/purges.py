"""Purges: measures how long 100,000 messages stay readable, how long until they are erased, and how much another shop's
reads are delayed."""

import random
import threading
import time
from pathlib import Path
from typing import Any, Final

from bench.caller import Caller
from bench.effort import Effort, Say
from bench.figures import Figure, quantile
from bench.inbox import Inbox, inbox
from bench.load import Tenant, tenants

GROUP: Final = "purge of a shop"
MESSAGES: Final = 100_000
OTHERS_MESSAGES: Final = 5_000
CALM_READS: Final = 3_000
READS_PER_LOOK: Final = 25
"""Reads of the other shop between two reads of the receipt."""
MOST_ROUNDS: Final = 3
PATIENCE_SECONDS: Final = 120.0


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """In each round, fill a shop and time another shop's reads. Then purge the first shop and time these reads
    again."""
    big, other = tenants(2)
    count, calm_reads = effort.count(MESSAGES), effort.count(CALM_READS)
    calm, during, unreadable, erasing = [], [], [], []
    with inbox(directory / "purges") as own:
        own.begin([big, other])
        own.fill_texts(effort.count(OTHERS_MESSAGES), [other], random.Random())
        read = own.newest(other)
        for number in range(min(effort.rounds, MOST_ROUNDS)):
            own.fill_texts(count, [big], random.Random())
            with Caller(own.server.port) as caller:
                caller.timed([read] * 100)
                calm.append(quantile(caller.timed([read] * calm_reads), 0.99) * 1e3)
                answered, erased, taken = _purge(own, big, read, caller)
                _nothing_left(own, big, caller)
            during.append(quantile(taken, 0.99) * 1e3)
            unreadable.append(answered * 1e3)
            erasing.append(erased * 1e3)
            say(f"purge, round {number + 1}: erased after {erased:.2f} s, {len(taken):,} reads beside it")
    what = f"{count:,} messages"
    return [
        Figure(GROUP, f"{what}, until unreadable (200)", unreadable, "ms"),
        Figure(GROUP, f"{what}, until erased", erasing, "ms"),
        Figure(GROUP, "another shop's reads, p99", during, "ms", "without a purge", calm, at_most=2.0),
    ]


def _purge(own: Inbox, big: Tenant, read: bytes, caller: Caller) -> tuple[float, float, list[float]]:
    """Returns the seconds until the answer, the seconds until all is erased, and the seconds of each read in this
    time."""
    receipts: list[dict[str, Any]] = []
    answered: list[float] = []
    began = time.perf_counter()

    def purge() -> None:
        with Caller(own.server.port) as purger:
            receipts.append(purger.ask_json(own.delete(big, "messages")))
        answered.append(time.perf_counter() - began)

    thread = threading.Thread(target=purge)
    thread.start()
    taken: list[float] = []
    while True:
        taken += caller.timed([read] * READS_PER_LOOK)
        if time.perf_counter() - began > PATIENCE_SECONDS:
            raise RuntimeError("the purge does not end")
        if thread.is_alive():
            continue
        if not receipts:
            raise RuntimeError("the purge was refused")
        if receipts[-1]["status"] == "complete":
            break
        receipts.append(caller.ask_json(own.get(big, f"purges/{receipts[0]['purge_id']}")))
    return answered[0], time.perf_counter() - began, taken


def _nothing_left(own: Inbox, big: Tenant, caller: Caller) -> None:
    """Check that no message is listed, and that every key of a message is an empty tombstone. Raises RuntimeError."""
    listed = caller.ask_json(own.newest(big))["messages"]
    with own.valkey.pipeline(transaction=False) as pipeline:
        for key in own.valkey.scan_iter(match=f"m:{{{big.shop}}}:*", count=10_000):
            pipeline.strlen(key)
        if listed or any(pipeline.execute()):
            raise RuntimeError("the purge has left messages behind")
