"""The stream: measures the time from a customer's message to the shop's viewers: with one viewer, with a thousand, and
with a thousand shops.

A hundred messages are delivered per second. Two times begin when a delivery is sent: the time until a viewer has read
the event is compared with the time until the delivery is answered.
"""

import asyncio
import random
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, cast

import uvloop

from app.server import raise_open_files
from bench.effort import Effort, Say
from bench.figures import Figure, quantile
from bench.inbox import Inbox, inbox
from bench.load import Tenant, named_messages, tenants

GROUP: Final = "message to a connected viewer"
VIEWERS: Final = 1_000
RATE: Final = 100
"""Messages per second."""
SAMPLED: Final = 50
"""The number of viewers of one shop whose times are measured. If the times of all thousand viewers were measured, the
figures would show the speed of the reader."""
SECONDS: Final = 4.0
OPENING: Final = 50
"""Streams that are opened at the same time."""
PATIENCE_SECONDS: Final = 30.0

_EVENT: Final = re.compile(rb'event: message\ndata: \{"id":"([^"]+)"')
_TAIL: Final = 600
"""Bytes of the last read that are kept, because an event may arrive in two parts."""


@dataclass(slots=True)
class _Times:
    """When each message was sent, and the seconds until it was answered and until a viewer had it."""

    sent: dict[bytes, float] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Alternate the three cases."""
    raise_open_files()
    viewers = effort.count(VIEWERS)
    many = tenants(viewers)
    cases = {
        "1 viewer": [many[0]],
        f"{viewers:,} viewers of one shop": [many[0]] * viewers,
        f"{viewers:,} viewers of as many shops": many,
    }
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        own = stack.enter_context(inbox(directory / "stream"))
        own.begin(many)
        base = own.server.resident_bytes()  # used memory is not given back, so both figures are relative to this point
        for number in range(effort.rounds):
            for name, watched in cases.items():
                times, kib, busy = uvloop.run(_run(own, watched, base, effort.seconds / 1.5 * SECONDS))
                for label, share in (("p50", 0.5), ("p99", 0.99)):
                    found[name, label].append(quantile(times.seen, share) * 1e3)
                    found[name, f"answer {label}"].append(quantile(times.answered, share) * 1e3)
                found[name, "memory"].append(kib)
                found[name, "busy"].append(busy)
            say(
                f"stream, round {number + 1}: "
                + ", ".join(f"{name} p99 {found[name, 'p99'][-1]:.1f} ms" for name in cases)
            )
    rows = [
        Figure(
            GROUP, f"{name}, {label}", found[name, label], "ms", "until it is answered", found[name, f"answer {label}"],
            note="goal: under 100 ms" if label == "p99" else "")
        for name in cases
        for label in ("p50", "p99")
    ]  # fmt: skip
    for name in list(cases)[1:]:
        rows.append(Figure(GROUP, f"{name}, memory of each", found[name, "memory"], "KiB", note="goal: under 40 KiB"))
        rows.append(Figure(GROUP, f"{name}, processor at {RATE} messages/s", found[name, "busy"], "of a core"))
    return rows


async def _run(own: Inbox, watched: Sequence[Tenant], base: int, seconds: float) -> tuple[_Times, float, float]:
    """Watch and deliver. Returns the times, the KiB per viewer, and the used share of a core."""
    times = _Times()
    shops = list(dict.fromkeys(watched))
    sampled = SAMPLED if len(shops) == 1 else len(watched)
    viewers = await _open(own, watched, times, sampled)
    try:
        kib = (own.server.resident_bytes() - base) / len(watched) / 1024
        cpu, began = own.server.cpu_seconds(), time.perf_counter()
        wanted = await _deliver(own.server.port, shops, times, seconds)
        busy = (own.server.cpu_seconds() - cpu) / (time.perf_counter() - began)
        wanted *= min(sampled, len(watched)) if len(shops) == 1 else 1
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while len(times.seen) < wanted:
            if time.perf_counter() > deadline:
                raise RuntimeError(f"viewers have seen {len(times.seen)} of {wanted} events")
            await asyncio.sleep(0.01)
    finally:
        for viewer in viewers:
            viewer.transport.abort()
    return times, kib, busy


async def _open(own: Inbox, watched: Sequence[Tenant], times: _Times, sampled: int) -> "list[_Viewer]":
    loop = asyncio.get_running_loop()
    viewers: list[_Viewer] = []
    for first in range(0, len(watched), OPENING):
        some = []
        for number, tenant in enumerate(watched[first : first + OPENING], first):
            make = partial(_Viewer, times if number < sampled else None)
            _, viewer = await loop.create_connection(make, "127.0.0.1", own.server.port)
            viewer.transport.write(own.get(tenant, "stream"))
            some.append(viewer)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(viewer.ready for viewer in some))
        viewers += some
    return viewers


async def _deliver(port: int, shops: Sequence[Tenant], times: _Times, seconds: float) -> int:
    """Send one message after another, each at its time. Returns the number of messages."""
    messages = named_messages(round(RATE * seconds), shops, random.Random())
    answers, sender = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    try:
        for number, (mid, request) in enumerate(messages):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            sent = times.sent[mid.encode()] = time.perf_counter()
            sender.write(request)
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await answers.readuntil(b"\r\n\r\n")  # an answer to a delivery has no body
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"answered {answer[:200]!r}")
            times.answered.append(time.perf_counter() - sent)
    finally:
        sender.close()
    return len(messages)


class _Viewer(asyncio.Protocol):
    """Reads a stream. With `times`, it records when each event arrives."""

    transport: asyncio.Transport

    def __init__(self, times: _Times | None) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._times = times
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            self._rest += data
            if b"event: ready" in self._rest:
                self.ready.set_result(None)
        elif self._times is not None:
            now, text, end = time.perf_counter(), self._rest + data, 0
            for found in _EVENT.finditer(text):
                end = found.end()
                self._times.seen.append(now - self._times.sent[found[1]])
            self._rest = text[end:][-_TAIL:]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(RuntimeError(f"the stream ended: {self._rest[:300]!r}"))
