"""Helpers of many tests: waiting for a condition, and a clock that a test moves."""

import asyncio
import inspect
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Final

_FIRST_POLL_SECONDS: Final = 0.005
_LONGEST_POLL_SECONDS: Final = 0.25
_SLOWER: Final = 1.2
"""Factor: each pause is longer than the last one, and is about a sixth of the time that has passed. A condition that
calls a service costs processor time on both sides."""

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""An argument for a client that calls loopback addresses without TLS. Without this argument, a client loads all
certificate authorities of the system, which takes 25 ms of processor time.
"""

WITHIN = 30.0
"""Seconds until a wait fails. A wait that succeeds ends at once. A busy machine may need long."""


async def wait_until(condition: Callable[[], object | Awaitable[object]], within: float = WITHIN) -> None:
    """Wait until `condition()` is true. A coroutine is awaited. Raises AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    pause = _FIRST_POLL_SECONDS
    while True:
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return
        assert time.monotonic() < deadline, f"not within {within} s: {_described(condition)}"
        await asyncio.sleep(pause)
        pause = min(pause * _SLOWER, _LONGEST_POLL_SECONDS)


def wait_until_blocking(
    condition: Callable[[], object], within: float = WITHIN, told: Callable[[], str] | None = None
) -> None:
    """Wait in the same way in a test without an event loop. A failure shows what `told` returns."""
    deadline = time.monotonic() + within
    pause = _FIRST_POLL_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {told() if told else _described(condition)}"
        time.sleep(pause)
        pause = min(pause * _SLOWER, _LONGEST_POLL_SECONDS)


class FakeClock:
    """Time that passes only when a test says so. `moment` is in milliseconds since 1970, `seconds` counts from zero."""

    def __init__(self, moment: int = 1_770_000_000_000) -> None:
        self._began = moment
        self._passed = 0
        self.slept: list[float] = []

    def moment(self) -> int:
        """Replaces the wall clock."""
        return self._began + self._passed

    def seconds(self) -> float:
        """Replaces `time.monotonic`."""
        return self._passed / 1000

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self._passed += round(seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        """Replaces `asyncio.sleep`: records the wait, lets this time pass and lets other tasks run."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


def _described(condition: Callable[[], object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
