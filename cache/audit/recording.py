"""Recording: no access goes on before it stands in the shop's audit log, and a busy reader writes once an hour first.

A change is an entry of its own. Of the reads that are alike (same shop, subject, action and address) the first of each
hour is recorded before it is answered. The others of that hour are counted here, and recorded once a minute. So a
process that is killed loses numbers, of at most the last minute, and never the fact that a caller read.

Each change, the first read of an hour, and the number of reads when the hour is over are log lines too: a copy that a
person who may write to Redis cannot change, once the operator collects them (docs/operate.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from cache.errors import Unavailable
from domain.audit import Access
from domain.ids import ShopId
from ops.metrics import Metrics

HOUR: Final = 3600
FLUSH_SECONDS: Final = 60.0
"""How often what was counted is recorded."""
MOST_FOLDS: Final = 10_000
"""Kinds of reads counted at once, some 300 bytes each. Beyond, each read is recorded before it is answered."""

log = structlog.get_logger()


class Log(Protocol):
    """Where entries are written."""

    async def append(self, shop: ShopId, access: Access, *, times: int = 1, since: int | None = None) -> None:
        """One entry; it stands once this returns."""
        ...


@dataclass(slots=True)
class _Fold:
    """Reads of an hour that are alike. `counted` of the `total` are answered and not recorded yet, the first of them at
    `since`. The hour is over at `ends`, by the clock that rises.
    """

    ends: float
    total: int = 0
    counted: int = 0
    since: int = 0
    opening: "asyncio.Task[None] | None" = None


class Recorder:
    """Records accesses. `now` in Unix seconds, `clock` rising seconds."""

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
        """Return once the access is recorded; only then may it go on.

        Raises:
            Unavailable: it cannot be recorded.
            RateReached: it is a change, and the shop has made as many today as it may.
        """
        if not access.read:
            await self._append(shop, access, 1, None)
            _log_line(shop, access, 1)
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
        """Record what has been counted, until cancelled."""
        while True:
            await self._sleep(FLUSH_SECONDS)
            await self.flush()

    async def close(self) -> None:
        """Record all that has been counted. What cannot be recorded is told in the log, by number."""
        await self.flush()
        for key, fold in self._folds.items():
            self._end(key, fold)
        if lost := sum(fold.counted for fold in self._folds.values()):
            log.error("audit_counts_lost", events=lost)

    async def flush(self) -> None:
        """Record what was counted, and forget the hours that are over; what cannot be recorded goes on waiting."""
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
            fold.counted, fold.since = fold.counted + counted, since  # rather counted twice than not at all
            raise

    async def _open(self, key: tuple[ShopId, Access], fold: _Fold) -> None:
        """Record the first read of an hour, after what was counted in the one before."""
        try:
            await self._record_counted(key, fold)
            await self._append(*key, 1, None)
            self._end(key, fold)
            fold.total, fold.ends = 1, self._clock() + HOUR - self._now() % HOUR
            _log_line(*key, 1)
        finally:
            fold.opening = None

    def _end(self, key: tuple[ShopId, Access], fold: _Fold) -> None:
        """An hour is over, or this process ends."""
        if fold.total > 1:
            _log_line(*key, fold.total)

    async def _append(self, shop: ShopId, access: Access, times: int, since: int | None) -> None:
        try:
            await self._log.append(shop, access, times=times, since=since)
        except Unavailable:
            self._metrics.audit("refused")
            raise
        self._metrics.audit("written")


def _log_line(shop: ShopId, access: Access, times: int) -> None:
    log.info(
        "audit", shop=shop, subject=access.subject, action=access.action, client=access.client, page=access.page,
        events=times,
    )  # fmt: skip


async def _settled(opening: "asyncio.Task[None]") -> None:
    """Wait for the first read of an hour; others wait for it too, so who goes away does not take it along."""
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_looked_at)
        raise


def _looked_at(opening: "asyncio.Task[None]") -> None:
    if not opening.cancelled():
        opening.exception()
