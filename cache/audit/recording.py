"""Recording: no access goes on before it stands in the shop's audit log, and a busy reader costs one entry a minute.

A deed is an entry of its own. Of the reads that are alike (same shop, subject, action and address) the first is
written before it is answered, and opens a minute in which the others only count here. What was counted is written with
the first one after that minute, or by itself when none comes. So a process that is killed loses numbers, of at most the
last 85 seconds, and never the fact that somebody read.
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

FOLD_SECONDS: Final = 60.0
LINGER_SECONDS: Final = 15.0
"""How long after its minute what was counted waits for a next read, to be written together with it."""
FLUSH_SECONDS: Final = 10.0
"""Between two looks for what has waited long enough."""
MOST_FOLDS: Final = 10_000
"""Kinds of reads counted at once, some 300 bytes each. Beyond, each read is an entry."""

log = structlog.get_logger()


class Log(Protocol):
    """Where entries are written."""

    async def append(self, shop: ShopId, access: Access, *, times: int = 1, since: int | None = None) -> None:
        """One entry; it stands once this returns."""
        ...


@dataclass(slots=True)
class _Fold:
    """Reads that are alike. `counted` have been answered and are not written yet, the first of them at `since`."""

    ends: float
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
            SealKeysMissing: there is no key to record it with.
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
        """Write what has been counted, until cancelled."""
        while True:
            await self._sleep(FLUSH_SECONDS)
            await self.flush(self._clock() - LINGER_SECONDS)

    async def close(self) -> None:
        """Write all that has been counted. What cannot be written is told in the log, by number."""
        await self.flush(float("inf"))
        if lost := sum(fold.counted for fold in self._folds.values()):
            log.error("audit_counts_lost", events=lost)

    async def flush(self, before: float) -> None:
        """Write what was counted in the minutes that ended before then; what cannot be written goes on waiting."""
        for key, fold in list(self._folds.items()):
            if fold.opening is not None or fold.ends > before:
                continue
            # Out of the way first: a read that comes while this is written opens a minute of its own.
            del self._folds[key]
            if fold.counted:
                try:
                    await self._append(*key, fold.counted, fold.since)
                except Unavailable as error:
                    log.warning("audit_unwritten", reason=error.reason)
                    self._put_back(key, fold)
                except asyncio.CancelledError:
                    self._put_back(key, fold)  # rather told twice than not at all
                    raise

    def _put_back(self, key: tuple[ShopId, Access], fold: _Fold) -> None:
        newer = self._folds.setdefault(key, fold)
        if newer is not fold:
            newer.since = fold.since
            newer.counted += fold.counted

    async def _open(self, key: tuple[ShopId, Access], fold: _Fold) -> None:
        """Write the first read of a minute, with what was counted in the one before."""
        counted, since = fold.counted, fold.since if fold.counted else None
        try:
            await self._append(*key, counted + 1, since)
            fold.counted -= counted
            fold.ends = self._clock() + FOLD_SECONDS
        finally:
            fold.opening = None

    async def _append(self, shop: ShopId, access: Access, times: int, since: int | None) -> None:
        try:
            await self._log.append(shop, access, times=times, since=since)
        except Unavailable:
            self._metrics.audit("refused")
            raise
        self._metrics.audit("written")


async def _settled(opening: "asyncio.Task[None]") -> None:
    """Wait for the first read of a minute; others wait for it too, so who goes away does not take it along."""
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_looked_at)
        raise


def _looked_at(opening: "asyncio.Task[None]") -> None:
    if not opening.cancelled():
        opening.exception()
