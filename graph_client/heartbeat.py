"""A sign of each replica every few seconds, by which a time without any replica is noticed; and what Redis counts."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from domain.errors import PageInboxError
from domain.shop import PageStatus
from domain.watch import WITHIN, Outage, Within
from ops.metrics import Metrics

BEAT_SECONDS: Final = 5.0

OUTAGE: Final = 30_000
"""Milliseconds without any replica, or without the store, after which deliveries may have been lost: Facebook delivers
again at once and a few more times, for a time that is not documented."""

SPREAD: Final = 60_000
"""Milliseconds over which all Pages become due after an outage."""

log = structlog.get_logger()


class Beats(Protocol):
    """Where replicas give their sign. Milliseconds. Raises kind unavailable when the store is."""

    async def beat(self, now_ms: int, longest_ms: int, spread_ms: int, /) -> Outage | None:
        """Give the sign; the outage that ends with it, answered to one replica only. Every Page is due then."""
        ...


class Counts(Protocol):
    """What is counted over all Pages. Every method raises kind unavailable when the store is."""

    async def counts(self) -> dict[PageStatus, int]:
        """Watched Pages by status."""
        ...

    async def expiring(self, now_ms: int, /) -> dict[Within, int]:
        """How many Pages have a token that ends within a day, and within 14 days."""
        ...

    async def unhealed(self) -> int:
        """How many conversations Facebook refuses, at all Pages."""
        ...


class Heartbeat:
    """Beats. `now` is Unix milliseconds."""

    def __init__(
        self,
        beats: Beats,
        counts: Counts,
        metrics: Metrics,
        *,
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._beats = beats
        self._counts = counts
        self._metrics = metrics
        self._now = now
        self._sleep = sleep
        for within in WITHIN:
            metrics.pages_token_expiring(within, 0)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            try:
                await self.beat()
            except PageInboxError as error:
                log.warning("heartbeat_failed", reason=error.reason)
            await self._sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """Give the sign, and set the gauges that all replicas read in the store."""
        outage = await self._beats.beat(self._now(), OUTAGE, SPREAD)
        if outage is not None:
            log.warning("outage_ended", wait_seconds=(outage.ended - outage.began) // 1000)
        for status, count in (await self._counts.counts()).items():
            self._metrics.pages(status, count)
        for within, count in (await self._counts.expiring(self._now())).items():
            self._metrics.pages_token_expiring(within, count)
        self._metrics.unhealed(await self._counts.unhealed())
