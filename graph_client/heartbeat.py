"""Writes a heartbeat of each replica every few seconds, so that a time without any replica is noticed. Also reads the
counts from Redis."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from domain.errors import PageInboxError
from domain.shop import PageStatus
from domain.watch import Outage, Within
from ops.metrics import Metrics

BEAT_SECONDS: Final = 5.0

OUTAGE: Final = 30_000
"""Milliseconds without any replica, or without the store, after which deliveries may be lost. Facebook repeats a
delivery at once and a few more times, for a time that is not documented.
"""

SPREAD: Final = 60_000
"""Milliseconds over which the checks of all Pages are spread after an outage."""

log = structlog.get_logger()


class Beats(Protocol):
    """The heartbeats of all replicas, and counts over all Pages. Times are milliseconds. Every method raises kind
    unavailable if the store is unavailable.
    """

    async def beat(self, now_ms: int, longest_ms: int, spread_ms: int, /) -> Outage | None:
        """Write the heartbeat. If an outage ends now, return it to one replica only, and make every Page due."""
        ...

    async def counts(self) -> dict[PageStatus, int]:
        """Returns the number of watched Pages by status."""
        ...

    async def expiring(self, now_ms: int, /) -> dict[Within, int]:
        """Returns how many Pages have a token that ends within a day, and within 14 days."""
        ...

    async def unhealed(self) -> int:
        """Returns how many conversations of all Pages Facebook refuses."""
        ...


class Heartbeat:
    """Writes the heartbeat. `now` returns Unix milliseconds."""

    def __init__(
        self,
        beats: Beats,
        metrics: Metrics,
        *,
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._beats = beats
        self._metrics = metrics
        self._now = now
        self._sleep = sleep

    async def run(self) -> None:
        """Write the heartbeat regularly until cancelled."""
        while True:
            try:
                await self.beat()
            except PageInboxError as error:
                log.warning("heartbeat_failed", reason=error.reason)
            await self._sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """Write the heartbeat, and set the gauges from the counts in the store."""
        outage = await self._beats.beat(self._now(), OUTAGE, SPREAD)
        if outage is not None:
            log.warning("outage_ended", wait_seconds=(outage.ended - outage.began) // 1000)
        for status, count in (await self._beats.counts()).items():
            self._metrics.pages(status, count)
        for within, count in (await self._beats.expiring(self._now())).items():
            self._metrics.pages_token_expiring(within, count)
        self._metrics.unhealed(await self._beats.unhealed())
