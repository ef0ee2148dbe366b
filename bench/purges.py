"""Purges: measures how long 100,000 messages stay readable, and how long until they are erased. bench/fairness.py
measures how much a purge delays other shops.
"""

import random
import time
from pathlib import Path
from typing import Final

from bench.caller import Caller
from bench.effort import Effort, Say
from bench.figures import Figure
from bench.inbox import Inbox, inbox
from bench.load import Tenant, tenants

GROUP: Final = "purge of a shop"
MESSAGES: Final = 100_000
MOST_ROUNDS: Final = 3
PATIENCE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.005


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """In each round, fill a shop and purge it."""
    (shop,) = tenants(1)
    count = effort.count(MESSAGES)
    unreadable, erasing = [], []
    with inbox(directory / "purges") as own:
        own.begin([shop])
        for number in range(min(effort.rounds, MOST_ROUNDS)):
            own.fill_texts(count, [shop], random.Random())
            with Caller(own.server.port) as caller:
                answered, erased = _purge(own, shop, caller)
                _nothing_left(own, shop, caller)
            unreadable.append(answered * 1e3)
            erasing.append(erased * 1e3)
            say(f"purge, round {number + 1}: erased after {erased:.2f} s")
    what = f"{count:,} messages"
    return [
        Figure(GROUP, f"{what}, until unreadable (200)", unreadable, "ms"),
        Figure(GROUP, f"{what}, until erased", erasing, "ms"),
    ]


def _purge(own: Inbox, shop: Tenant, caller: Caller) -> tuple[float, float]:
    """Returns the seconds until the answer, and the seconds until all is erased."""
    began = time.perf_counter()
    receipt = caller.ask_json(own.delete(shop, "messages"))
    answered = time.perf_counter() - began
    while receipt["status"] != "complete":
        if time.perf_counter() - began > PATIENCE_SECONDS:
            raise RuntimeError("the purge does not end")
        time.sleep(POLL_SECONDS)
        receipt = caller.ask_json(own.get(shop, f"purges/{receipt['purge_id']}"))
    return answered, time.perf_counter() - began


def _nothing_left(own: Inbox, shop: Tenant, caller: Caller) -> None:
    """Check that no message is listed, and that every key of a message is an empty tombstone. Raises RuntimeError."""
    listed = caller.ask_json(own.newest(shop))["messages"]
    with own.valkey.pipeline(transaction=False) as pipeline:
        for key in own.valkey.scan_iter(match=f"m:{{{shop.shop}}}:*", count=10_000):
            pipeline.strlen(key)
        if listed or any(pipeline.execute()):
            raise RuntimeError("the purge has left messages behind")
