"""The cost of reading a customer's messages: list pages of a hundred messages that are made to be expensive."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx2

from domain.ids import PageId, Psid
from simulator.payloads import delivery, entry, from_customer
from simulator.serialize import serialize
from simulator.signing import signed
from tests.attack.target import PAGE, Target, attack
from tests.support import NO_TLS

PER_PAGE: Final = 100
LENGTH: Final = 20_000
"""Characters: the longest text that a person can send to a Page."""
PER_DELIVERY: Final = 10


def _long(part: str) -> str:
    return (part * (LENGTH // len(part) + 1))[:LENGTH]


TEXTS: Final = {
    "a split number, then digits": "012\u200b000123 " + _long("1234567890 "),
    "digits split by invisible characters": _long("0\u200b1\u200b2\u200b0\u200b0\u200b"),
    "digits and nothing else": "0" * LENGTH,
    "one digit each": _long("0 1 2 0 0 0 1 2 3 "),
    "a number a word": _long("012 000 123 "),
    "numbers of other countries": _long("+84910001234x+12125550123x"),
    "plus signs": "+" * LENGTH,
    "dates": _long("1/1/"),
    "accounts": _long("acc tel id 012000123\n"),
    "addresses": _long("http:a012000123"),
    "mail": _long("@012000123x@"),
    "mixed digits": _long("0៣๑９ "),
    "combining marks": _long("1\u0301\u20e3"),
    "right to left": _long("\u202e012\u202c000-"),
    "quotation marks": _long('"\\012'),
}


def _texts(words: str) -> Iterator[dict[str, Any]]:
    for _ in range(PER_PAGE):
        yield {"text": words}


def _facts() -> Iterator[dict[str, Any]]:
    """Yields attachments, quick replies and elements, larger than Facebook allows."""
    deep: Any = "012000123"
    for _ in range(500):
        deep = {"payload": deep}
    for number in range(PER_PAGE):
        yield (
            {"attachments": [{"type": "fallback", "title": "012000123 " * 200, "url": "https://x/"}] * 100},
            {"text": "0", "quick_reply": {"payload": "0 1 2 " * 50_000}},
            {"attachments": [{"type": "template", "payload": {"elements": [{"text": "012 000 123"}] * 20_000}}]},
            {"text": "0", "referral": {"ref": deep, "list": [[[[[["text"] * 50_000]]]]]}},
        )[number % 4]


def _send(target: Target, name: str, messages: Iterator[dict[str, Any]]) -> None:
    """Deliver them, a few at a time. All must be stored."""
    parts = []
    with target.facebook() as facebook:
        for number, message in enumerate(messages, 1):
            now = int(time.time() * 1000)
            mid = f"m_{name}_{number}_{time.monotonic_ns()}"
            parts.append(from_customer(PageId(PAGE), Psid("7000000000000001"), now, message={"mid": mid, **message}))
            if number % PER_DELIVERY == 0:
                body = serialize(delivery([entry(PageId(PAGE), now, "messaging", parts)]))
                answer = facebook.deliver(body, [*signed(body, target.app_secret)])
                if answer.status_code != 200:
                    raise RuntimeError(f"a delivery of {name} was answered {answer.status_code}")
                parts = []


def _get(target: Target, path: str) -> int:
    """Read a path of the shop to its end. Returns the bytes of the answer."""
    with target.shop() as shop:
        answer = shop.client.get(path, timeout=60, headers={"Accept-Encoding": "identity"})
        if answer.status_code != 200:
            raise RuntimeError(f"{path} was answered {answer.status_code}")
        return len(answer.content)


def _processor_ms(target: Target, path: str) -> float:
    """Returns the processor time of the first read, or the least of two more reads. A first read fills caches, which
    must not hide the cost of each read."""
    found = []
    for _ in range(3):
        before = target.processor_seconds()
        _get(target, path)
        found.append((target.processor_seconds() - before) * 1000)
    return max(found[0], min(found[1:]))


@attack("a read of 100 messages that were written to be dear", limit=250, unit="ms of processor time, worst shape")
async def read_of_hundred(target: Target) -> float:
    """Read every shape in turn. The list page has the newest hundred messages."""
    worst = 0.0
    for number, words in enumerate(TEXTS.values()):
        await asyncio.to_thread(_send, target, str(number), _texts(words))
        worst = max(worst, await asyncio.to_thread(_processor_ms, target, "/messages?limit=100"))
    await asyncio.to_thread(_send, target, "facts", _facts())
    return max(worst, await asyncio.to_thread(_processor_ms, target, "/messages?limit=100"))


@attack("an export of 100 messages that were written to be dear", limit=250, unit="ms of processor time, worst shape")
async def export_of_hundred(target: Target) -> float:
    """Export the most expensive shapes of text, each in a shop that has only messages of this shape."""
    worst = 0.0
    for name in ("digits split by invisible characters", "numbers of other countries", "one digit each"):
        with target.shop(connected_shop="*") as owner:
            owner.purge()
        await asyncio.to_thread(_send, target, name[:5].replace(" ", "_"), _texts(TEXTS[name]))
        worst = max(worst, await asyncio.to_thread(_processor_ms, target, "/export"))
    return worst


@attack("a stream that brings 100 messages that were written to be dear", limit=300, unit="ms of processor time")
async def stream_of_hundred(target: Target) -> float:
    """A viewer connects again and gets what it has missed."""
    with target.shop() as shop:
        begin = await asyncio.to_thread(_last_event_id, target, "")
        await asyncio.to_thread(_send, target, "stream", _texts(TEXTS["digits split by invisible characters"]))
        assert shop.get("/messages", limit=100)["messages"]
    found = []
    for _ in range(3):
        before = target.processor_seconds()
        await asyncio.to_thread(_last_event_id, target, begin)
        found.append((target.processor_seconds() - before) * 1000)
    return min(found)


def _last_event_id(target: Target, after: str) -> str:
    """Follow the stream from an event until all earlier events are sent. Returns the id of `ready`."""
    with (
        target.shop() as shop,
        httpx2.Client(trust_env=False, verify=NO_TLS, timeout=60) as client,
        client.stream(
            "GET",
            f"{shop.client.base_url}stream",
            headers={**shop.client.headers, **({"Last-Event-ID": after} if after else {})},
        ) as answer,
    ):
        event = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("id: ") and event == "ready":
                return line.removeprefix("id: ")
    raise RuntimeError("the stream ended before it had caught up")
