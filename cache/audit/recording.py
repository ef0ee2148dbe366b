"""Records accesses in the shop's audit log before the accesses continue. Most reads are only counted.

Each change has its own entry. Reads are alike if they have the same shop, subject, action and address. The first read
of each kind in each hour is recorded before its answer. The other reads of the hour are counted here, and the count is
recorded once per minute. So a killed process loses at most the counts of the last minute. The fact that a caller has
read is never lost.

Each change, the first read of an hour, and the number of reads at the end of the hour are also written to the process's
log. If the operator collects this log (docs/operate.md), a person with write access to Redis cannot change the copy.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from cache.audit.log import log_line
from cache.errors import Unavailable
from domain.audit import Access
from domain.ids import ShopId
from ops.metrics import Metrics

HOUR: Final = 3600
FLUSH_SECONDS: Final = 60.0
"""Seconds between two recordings of the counts."""
MOST_FOLDS: Final = 10_000
"""Largest number of kinds of reads that are counted at the same time. Each kind takes about 300 bytes. If there are
more kinds, each read of a further kind is recorded before its answer."""

log = structlog.get_logger()


class Log(Protocol):
    """The log that entries are written to."""

    async def append(self, shop: ShopId, access: Access, *, times: int = 1, since: int | None = None) -> None:
        """Write one entry. When this returns, the entry is in the log."""
        ...


@dataclass(slots=True)
class _Fold:
    """Reads of one hour that are alike. `total` is the number of recorded reads. `counted` is the number of reads that
    are not recorded yet, and `since` is the time of the first of them. The hour ends at `ends`, by the monotonic clock.
    """

    ends: float
    total: int = 0
    counted: int = 0
    since: int = 0
    opening: "asyncio.Task[None] | None" = None


class Recorder:
    """Records accesses. `now` returns Unix seconds, `clock` returns monotonic seconds."""

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        *,
        now: Callable[[], float],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._log = log
        self._metrics = metrics
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._folds: dict[tuple[ShopId, Access], _Fold] = {}

    async def record(self, shop: ShopId, access: Access) -> None:
        """Record or count an access. The access may continue only after this returns.

        Raises:
            Unavailable: the access cannot be recorded.
            RateReached: the access is a change, and the shop has used up its changes of today.
        """
        if not access.read:
            await self._append(shop, access, 1, None)
            return
        key = (shop, access)
        fold = self._folds.get(key)
        if fold is None:
            if len(self._folds) >= MOST_FOLDS:
                await self._append(shop, access, 1, None)
                return
            fold = self._folds[key] = _Fold(self._clock())
        if self._clock() >= fold.ends and fold.opening is None:
            fold.opening = asyncio.create_task(self._open(key, fold))
            await _settled(fold.opening)
            return
        if fold.opening is not None:
            await _settled(fold.opening)
        if not fold.counted:
            fold.since = int(self._now() * 1000)
        fold.counted += 1

    async def run(self) -> None:
        """Record the counts once per minute, until the task is cancelled."""
        while True:
            await self._sleep(FLUSH_SECONDS)
            await self.flush()

    async def close(self) -> None:
        """Record all counts. If counts cannot be recorded, log the number of lost reads."""
        await self.flush()
        for key, fold in self._folds.items():
            self._end(key, fold)
        if lost := sum(fold.counted for fold in self._folds.values()):
            log.error("audit_counts_lost", events=lost)

    async def flush(self) -> None:
        """Record the counts and forget the hours that are over. If a count cannot be recorded, try again next time."""
        for key, fold in list(self._folds.items()):
            if fold.opening is not None:
                continue
            try:
                await self._record_counted(key, fold)
            except Unavailable as error:
                log.warning("audit_unwritten", reason=error.reason)
                continue
            if fold.ends <= self._clock() and not fold.counted and fold.opening is None:
                del self._folds[key]
                self._end(key, fold)

    async def _record_counted(self, key: tuple[ShopId, Access], fold: _Fold) -> None:
        if not fold.counted:
            return
        counted, since = fold.counted, fold.since
        fold.counted = 0
        try:
            await self._append(*key, counted, since)
            fold.total += counted
        except BaseException:
            fold.counted, fold.since = fold.counted + counted, since  # a read may be counted twice, but is never lost
            raise

    async def _open(self, key: tuple[ShopId, Access], fold: _Fold) -> None:
        """Record the first read of an hour, after the counts of the hour before."""
        try:
            await self._record_counted(key, fold)
            await self._append(*key, 1, None)
            self._end(key, fold)
            fold.total, fold.ends = 1, self._clock() + HOUR - self._now() % HOUR
            log_line(*key, 1)
        finally:
            fold.opening = None

    def _end(self, key: tuple[ShopId, Access], fold: _Fold) -> None:
        """Log the number of reads, because the hour is over or this process ends."""
        if fold.total > 1:
            log_line(*key, fold.total)

    async def _append(self, shop: ShopId, access: Access, times: int, since: int | None) -> None:
        try:
            await self._log.append(shop, access, times=times, since=since)
        except Unavailable:
            self._metrics.audit("refused")
            raise
        self._metrics.audit("written")


async def _settled(opening: "asyncio.Task[None]") -> None:
    """Wait until the first read of an hour is recorded. If this wait is cancelled, the recording continues, because
    other reads wait for the same recording.
    """
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_looked_at)
        raise


def _looked_at(opening: "asyncio.Task[None]") -> None:
    if not opening.cancelled():
        opening.exception()
