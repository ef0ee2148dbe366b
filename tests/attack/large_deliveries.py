"""Genuine deliveries that are as large as customers can make them. Facebook repeats a refused delivery a few times."""

import asyncio
import time
from typing import Final

import httpx2

from domain.ids import PageId, Psid
from simulator.payloads import delivery, entry, from_customer
from simulator.serialize import serialize
from simulator.signing import signed
from tests.attack.target import PAGE, Target, attack, slowest_delivery
from tests.support import NO_TLS

FACEBOOK_WAITS: Final = 5.0
TRIES: Final = 5


def _tries(target: Target, texts: list[str]) -> int:
    """Send one delivery of these texts, and repeat it as often as Facebook does at once. Returns which try was answered
    200 in time."""
    now, tag = int(time.time() * 1000), time.monotonic_ns()
    parts = [
        from_customer(
            PageId(PAGE), Psid(f"7{number % 50:015d}"), now, message={"mid": f"m_{tag}_{number}", "text": text}
        )
        for number, text in enumerate(texts)
    ]
    body = serialize(delivery([entry(PageId(PAGE), now, "messaging", parts)]))
    headers = dict(signed(body, target.app_secret))
    with httpx2.Client(base_url=target.url, trust_env=False, verify=NO_TLS, timeout=60) as client:
        for number in range(1, TRIES + 1):
            began = time.monotonic()
            answer = client.post("/webhook", content=body, headers=headers)
            if answer.status_code == 200 and time.monotonic() - began < FACEBOOK_WAITS:
                return number
    return TRIES + 1


@attack("a delivery of 70 texts of 20,000 emojis", limit=1, unit="tries until it is taken")
async def emojis(target: Target) -> float:
    """Each emoji has 12 bytes in the body, so the body has 16.8 million bytes."""
    return await asyncio.to_thread(_tries, target, ["\U0001f64f" * 20_000] * 70)


@attack("a delivery of 50,001 messages", limit=10, unit="tries until it is taken")
async def many_messages(target: Target) -> float:
    """The delivery has more messages than the queue holds. Each try stores some of them, and the next try does not
    store these again."""
    return await asyncio.to_thread(_tries, target, ["ok"] * 50_001)


@attack("deliveries beside one of 50,001 messages", limit=3, unit="s, slowest of the others")
async def beside_many_messages(target: Target) -> float:
    """The large delivery is stored in parts, and messages of other deliveries are stored between the parts."""
    return await slowest_delivery(target, asyncio.to_thread(_tries, target, ["ok"] * 50_001))
