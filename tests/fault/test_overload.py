"""More messages arrive than can be stored. The excess is refused at once, accepted messages are stored, and memory is
bounded."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.breakable import Breakable
from tests.callers import Shop
from tests.fault.conftest import EndsWith
from tests.fault.load import loading
from tests.fault.rows import FULL
from tests.fault.senders import resident_bytes
from tests.service import Service, serving
from tests.support import wait_until

SENDERS: Final = 200
MESSAGES: Final = 50
"""Messages in each delivery. If all connections have sent one, ten thousand are in progress, for which the slow
store needs some seconds."""
REFUSED: Final = 2_000 if FULL else 100
MIB: Final = 1024 * 1024


async def slow(store: Breakable) -> None:
    """Slow the store to a tenth of its speed: it stops most of the time."""
    while True:
        store.hang()
        await asyncio.sleep(0.18)
        store.go_on()
        await asyncio.sleep(0.02)


def refusals(service: Service) -> "Counter[str]":
    """Returns how many deliveries were refused, by reason."""
    return Counter(line["reason"] for line in service.lines() if line.get("status") == 503)


@pytest.mark.timeout(180)
@pytest.mark.fault("more deliveries than a slow Redis can store")
async def test_deliveries_above_the_capacity_are_refused_at_once(
    breakable: Breakable, tmp_path: Path, row: EndsWith
) -> None:
    """The answer is 503 at once and not after a wait. The full speed returns when the store works again."""
    with serving(breakable.url, tmp_path / "log") as service:
        with Shop(service.url) as shop:
            shop.connect()
        before = resident_bytes(service)
        async with loading(service.url, connections=SENDERS, messages=MESSAGES, pause=0.0) as load:
            slowing = asyncio.create_task(slow(breakable))
            await wait_until(lambda: load.statuses[503] >= REFUSED and refusals(service)["queue_full"], within=90)
            grown = resident_bytes(service) - before
            slowing.cancel()
            breakable.go_on()
            recovery = await load.recovered(time.monotonic())
        reasons = refusals(service)
        refused = [line["duration_ms"] for line in service.lines() if line.get("reason") == "queue_full"]
        with Shop(service.url) as shop:
            found = await asyncio.to_thread(shop.ids)
    # 408: on a busy machine a body of this sender may take too long.
    assert load.statuses.keys() <= ({200, 503} if FULL else {200, 408, 503})
    if FULL:  # on a busy machine a delivery may wait longer for the processor than for the store
        assert reasons["not_in_time"] == 0, "a delivery waited in vain"
        assert min(refused) < 500, "a refused delivery has waited first"
    else:
        assert reasons["not_in_time"] < reasons["queue_full"], reasons
    assert grown < 160 * MIB
    row(load, found, recovery=recovery)
