"""Messages that are short in Redis and long as JSON. A stalled viewer, or one list page, must not keep them
in memory."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from domain.ids import PageId, Psid
from simulator.payloads import delivery, entry, from_customer
from simulator.serialize import serialize
from simulator.signing import signed
from tests.attack.shares import connected, get
from tests.attack.target import PAGE, Target, attack
from tests.callers import mint
from tests.fault.senders import Sender

TEXT: Final = "\x01" * 20_000
"""The longest text that a person can send, of characters that JSON writes with six bytes each."""
SHOPS: Final = {f"attack-stream-{number}": f"10420000000910{number}" for number in range(10)}
TEXTS_OF_A_SHOP: Final = 100
_ATTACHMENT: Final = {"type": "fallback", "title": "x", "url": "https://x/", "payload": {"url": "https://x/"}}
ATTACHMENTS: Final = [_ATTACHMENT] * 60_000
"""About 3 MB of JSON."""


def _deliver(target: Target, page: str, contents: list[dict[str, Any]]) -> None:
    """Send one delivery, which must be stored."""
    now = int(time.time() * 1000)
    parts = [
        from_customer(
            PageId(page), Psid("7000000000000001"), now, message={"mid": f"m_{time.monotonic_ns()}_{number}", **content}
        )
        for number, content in enumerate(contents)
    ]
    body = serialize(delivery([entry(PageId(page), now, "messaging", parts)]))
    with target.facebook() as facebook:
        status = facebook.deliver(body, [*signed(body, target.app_secret)]).status_code
    if status != 200:
        raise RuntimeError(f"a delivery was answered {status}")


@contextmanager
def _shops(target: Target) -> Iterator[None]:
    """Yields ten connected shops."""
    for shop, page in SHOPS.items():
        target.connect(shop, page)
    try:
        yield
    finally:
        for shop, page in SHOPS.items():
            with target.shop(shop, connected_shop="*") as owner:
                owner.client.delete(f"/pages/{page}")


@attack("viewers that do not read, one in each of 10 shops, keep events in memory", limit=64, unit="MiB of growth")
async def stalled_viewers(target: Target) -> float:
    """Each shop gets 12 MB of events."""
    with _shops(target):
        viewers = [Sender(get(f"/v1/shops/{shop}/stream", mint(shop, key=target.token_key))) for shop in SHOPS]
        async with connected(target, viewers):
            for _ in range(300):
                if all(viewer.status for viewer in viewers):
                    break
                await asyncio.sleep(0.1)
            assert {viewer.status for viewer in viewers} == {200}
            for viewer in viewers:
                viewer.transport.pause_reading()
            await asyncio.to_thread(_deliver, target, PAGE, [{"text": TEXT}] * 10)
            before, most = target.resident_mib(), 0.0
            for _ in range(TEXTS_OF_A_SHOP // 10):
                for page in SHOPS.values():
                    await asyncio.to_thread(_deliver, target, page, [{"text": TEXT}] * 10)
                    most = max(most, target.resident_mib() - before)
    return most


@attack("one page of messages of 3 MB each needs memory", limit=64, unit="MiB of growth")
async def page_of_large_messages(target: Target) -> float:
    """Read 25 messages of 75 MB of JSON together, which Redis keeps in 2 MB."""
    for _ in range(25):
        await asyncio.to_thread(_deliver, target, PAGE, [{"attachments": ATTACHMENTS}])
    before, most = target.resident_mib(), 0.0
    with target.shop() as shop:
        headers = {"Accept-Encoding": "gzip"}
        path = "/messages?limit=100"
        reading = asyncio.create_task(asyncio.to_thread(shop.client.get, path, headers=headers, timeout=60))
        while not reading.done():
            await asyncio.sleep(0.01)
            most = max(most, target.resident_mib() - before)
        assert reading.result().status_code == 200
        assert len(reading.result().content) > 2_000_000
    return most
