"""Memory: bytes in Valkey for each kept message, everything counted, beside the JSON that the API answers."""

import random
from pathlib import Path
from typing import Any, Final

import orjson

from bench.caller import Caller
from bench.effort import Effort, Say
from bench.figures import Row
from bench.inbox import Inbox, inbox, kept
from bench.load import Tenant, mixed_traffic, tenants
from cache.keys import SHOP_INDEX

GROUP: Final = "memory in Valkey"
SHOPS: Final = 200
DELIVERIES: Final = 25_000
"""Which bring some 50,000 messages to keep."""
CUSTOMERS: Final = 25
"""of each shop: ten messages or so with each in five days"""


def measure(directory: Path, effort: Effort, say: Say) -> list[Row]:
    """Store what the simulator's customers write and send; then read all of it back."""
    shops = tenants(SHOPS)
    with inbox(directory / "memory") as own:
        own.begin(shops)
        before = _used(own)
        own.fill(mixed_traffic(effort.count(DELIVERIES), shops, random.Random(), CUSTOMERS))
        after = _used(own)
        messages = kept(own.valkey, SHOP_INDEX)
        size, found = 0, 0
        with Caller(own.server.port) as caller:
            for shop in shops:
                for message in _all_of(own, caller, shop):
                    message.pop("phone_numbers", None)  # found when read, not kept
                    size += len(orjson.dumps(message))
                    found += 1
        conversations = sum(1 for _ in own.valkey.scan_iter(match=b"c:*", count=10_000))
        index = kept(own.valkey, SHOP_INDEX)
    if found > index or messages != index:
        raise RuntimeError(f"{index} messages are indexed and {found} were read")
    per_message, json = (after - before) / found, size / found
    say(f"memory: {found:,} messages in {conversations:,} conversations, {per_message:.0f} bytes each")
    note = f"{found:,} messages, {conversations:,} conversations, {SHOPS} shops"
    return [Row(GROUP, "a kept message", [per_message], "bytes", "its compact JSON", [json], at_most=1.5, note=note)]


def _used(own: Inbox) -> int:
    """What the data take: without the buffers of connections, which come and go."""
    info: dict[str, Any] = own.valkey.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"])


def _all_of(own: Inbox, caller: Caller, shop: Tenant) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = caller.ask_json(own.get(shop, "messages?limit=100" + (f"&cursor={cursor}" if cursor else "")))
        found += page["messages"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
