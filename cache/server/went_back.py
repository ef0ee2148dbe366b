"""Detects that Redis has older data than before. Until the data are up to date again, no caller can use Redis. Redis
can lose its last writes without a report: when it loads an old snapshot, when a replica without the last writes becomes
primary, or when its append-only file was cut. So each process writes the time (its beat) into Redis once per second,
under its own key. In a cluster each process has one key for each part of the slots. If the last beat is missing, the
data are older than before.

A server with older data can answer only over a new connection. So after each new connection, the beats are compared
before the next reply is used. No caller gets older data. While the data are brought up to date, every call raises
`redis_went_back`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from cache.errors import UNREACHED, Unavailable
from cache.keys import BEAT_SECONDS, MAX_TTL_SECONDS, WATCH_BEAT, beat_keys
from cache.server.connection import Connection
from cache.server.failures import raise_if_cancelled
from domain.errors import PageInboxError
from ops.metrics import Metrics

INTERVAL_SECONDS: Final = 1.0
"""Time between two beats. If Redis loses only the writes of a shorter time, it is possible that the loss is not
detected."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WentBack:
    """A loss: Redis has the data of the time `since` or earlier, but had newer data at `seen`. Both are Unix
    milliseconds."""

    since: int
    seen: int


CatchUp = Callable[[WentBack | None], Awaitable[None]]
"""Brings older data up to date, over a connection without a guard. Gets None at the start of the process."""


class WentBackCheck:
    """Writes and compares beats, and has older data brought up to date. `now` is Unix milliseconds.

    `process` identifies this process. With `catch_up_first`, nothing may use Redis before `catch_up` has run once,
    because Redis may have lost data while no process was running.
    """

    def __init__(
        self,
        connection: Connection,
        metrics: Metrics,
        catch_up: CatchUp,
        *,
        process: str,
        now: Callable[[], int],
        catch_up_first: bool = False,
    ) -> None:
        self._connection = connection.unguarded()
        self._metrics = metrics
        self._catch_up = catch_up
        self._now = now
        self._keys = beat_keys(process, clustered=connection.clustered)
        self._first = self._last = 0  # beats that Redis has acknowledged
        self._opened = 0  # number of connections that were opened
        self._comparing = asyncio.Lock()
        self.unsure = False
        """Whether a connection was opened after the beats were compared."""
        self.behind = catch_up_first
        """Whether the data are older than before."""
        self._went_back: WentBack | None = None
        self._failed = ""
        """The reason of the last failure of catching up. It is not logged again while it does not change."""
        self._one_at_a_time = asyncio.Lock()
        self._putting_right: asyncio.Task[None] | None = None
        connection.guard(self)

    def opened(self) -> None:
        """Note that a connection was opened. It may lead to another server."""
        self._opened += 1
        self.unsure = True

    async def compare(self) -> None:
        """Compare the beats, if a connection was opened. If the data are older than they were, set `behind`.

        Raises:
            Unavailable: Redis does not answer.
        """
        async with self._comparing:
            if self.unsure and not self.behind:
                opened = self._opened
                await self._look()
                self.unsure = self._opened != opened

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Write beats until cancelled. If the data are older, bring them up to date."""
        while True:
            if self.behind:
                await self._put_right()
            else:
                with suppress(PageInboxError):  # Redis is unavailable: /readyz reports it
                    await self._beat()
            raise_if_cancelled()
            await sleep(INTERVAL_SECONDS)

    async def close(self) -> None:
        """Stop the task that brings older data up to date beside `run`."""
        if self._putting_right is not None:
            self._putting_right.cancel()
            await asyncio.gather(self._putting_right, return_exceptions=True)

    async def _beat(self) -> None:
        await self._look()
        if not self.behind:
            await self._write()

    async def _write(self) -> None:
        beat = max(self._now(), self._last + 1)
        await self._connection.commands_at_once([("SET", key, beat, "EX", BEAT_SECONDS) for key in self._keys])
        self._first, self._last = self._first or beat, beat

    async def _write_if_possible(self) -> None:
        """Write a beat, unless Redis refuses writes. A full Redis answers reads and purges, so callers may use it.
        Until the next beat there is nothing to compare.

        Raises:
            Unavailable: a server that is no cluster does not answer, so it may go back once more.
        """
        try:
            await self._write()
        except Unavailable as error:
            if error.reason in (UNREACHED | {"redis_timeout"}) and not self._connection.clustered:
                raise
            self._first = self._last = 0

    async def _look(self) -> None:
        """Compare the beats. If a beat is missing, or is older than the last written beat, the data are older than
        before."""
        last = self._last
        if not last:
            return
        *found, of_any = await self._connection.get_each((*self._keys, WATCH_BEAT))
        # A node of a cluster that does not answer is compared when it is reached again, over a new connection.
        beats = [beat for beat in found if not isinstance(beat, Unavailable)]
        if not beats and isinstance(found[0], Unavailable):
            raise found[0]
        if self.behind or min(int(beat or 0) for beat in beats) >= last:
            return
        # If this process's beat is missing, the data may be older than this process.
        oldest = self._first
        if self._connection.clustered:
            oldest = last - MAX_TTL_SECONDS * 1000  # the beat of any process may be on another node
        elif of_any and not isinstance(of_any, Unavailable):
            oldest = min(oldest, int(of_any))
        self._went_back = WentBack(min(int(beat or oldest) for beat in beats), last)
        self.behind = True
        self._metrics.redis_went_back()
        log.error("redis_went_back", seconds=(last - self._went_back.since) // 1000)
        self._putting_right = asyncio.create_task(self._put_right())

    async def _put_right(self) -> None:
        """Bring the data up to date, and let every caller use them. If this fails, `run` tries again."""
        async with self._one_at_a_time:
            if not self.behind:
                return
            try:
                await self._catch_up(self._went_back)
                await self._write_if_possible()
            except PageInboxError as error:
                if error.reason != self._failed:
                    self._failed = error.reason
                    log.warning("catch_up_failed", reason=error.reason)
            else:
                self._went_back, self.behind, self._failed = None, False, ""
