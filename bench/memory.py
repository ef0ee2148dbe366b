"""Memory: measures all bytes in Valkey per kept message, beside the size of the API's JSON."""

import random
from pathlib import Path
from typing import Any, Final

import orjson

from bench import memory_parts
from bench.caller import Caller, request
from bench.effort import Effort, Say
from bench.figures import Figure, NotMeasured
from bench.inbox import Inbox, empty, inbox, kept
from bench.load import Tenant, mixed_traffic, tenants
from bench.memory_parts import kept_in, used
from cache.keys import SHOP_INDEX

GROUP: Final = "memory in Valkey"
MESSAGE: Final = "a kept message"
SHOP: Final = "a connected shop"
ENTRY: Final = "an entry of the audit log"
ENTRIES: Final = 2_000
MOST_OF_JSON: Final = 1.4
"""The goal: bytes in Valkey per byte of JSON."""
SHOPS: Final = 200
DELIVERIES: Final = 15_000
"""The number of deliveries, with about 40,000 messages to keep."""
CUSTOMERS: Final = 25
"""Customers of each shop, with about ten messages each in five days."""


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure | NotMeasured]:
    """Store the messages of the simulator's customers, and then read all of them."""
    shops = tenants(SHOPS)
    with inbox(directory / "memory") as own:
        empty(own.valkey)
        unused = used(own.valkey)
        own.begin(shops)
        before = used(own.valkey)
        own.fill(mixed_traffic(effort.count(DELIVERIES), shops, random.Random(), CUSTOMERS))
        after = used(own.valkey)
        messages = kept(own.valkey, SHOP_INDEX)
        size, found = 0, 0
        with Caller(own.server.port) as caller:
            for shop in shops:
                for message in _all_of(own, caller, shop):
                    message.pop("phone_numbers", None)  # computed when read, not stored
                    size += len(orjson.dumps(message))
                    found += 1
        conversations = sum(1 for _ in own.valkey.scan_iter(match=b"c:*", count=10_000))
        index = kept(own.valkey, SHOP_INDEX)
        parts = kept_in(own.valkey)
        entry = _entry(own, shops[0])
    if found > index or messages != index:
        raise RuntimeError(f"{index} messages are indexed and {found} were read")
    per_message, json = (after - before) / found, size / found
    say(f"memory: {found:,} messages in {conversations:,} conversations, {per_message:.0f} bytes each")
    note = f"{found:,} messages, {conversations:,} conversations, {SHOPS} shops"
    whole = Figure(GROUP, MESSAGE, [per_message], "bytes", "its compact JSON", [json], at_most=MOST_OF_JSON, note=note)
    rest = [Figure(GROUP, SHOP, [(before - unused) / SHOPS], "bytes"), Figure(GROUP, ENTRY, [entry], "bytes")]
    return [whole, *rest, *memory_parts.measure(parts, directory / "parts", say)]


def _entry(own: Inbox, shop: Tenant) -> float:
    """Returns the bytes of one entry of the audit log. Each change has one entry. All equal reads of a minute share one
    entry."""
    deed = request("PATCH", own.path(shop, ""), own.token, b'{"paused":false}')
    before = used(own.valkey)
    with Caller(own.server.port) as caller:
        for _ in range(ENTRIES):
            caller.ask(deed)
    return (used(own.valkey) - before) / ENTRIES


def _all_of(own: Inbox, caller: Caller, shop: Tenant) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = caller.ask_json(own.get(shop, "messages?limit=100" + (f"&cursor={cursor}" if cursor else "")))
        found += page["messages"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
