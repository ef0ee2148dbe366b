"""Removes expired messages from the memory of Redis too, and counts what is kept.

Redis hides an expired key at once, but may keep its bytes until a command touches the key. A plain SCAN touches every
key. The sweep also removes entries of audit logs that are older than 90 days.
One replica sweeps at a time. All replicas show what the last sweep counted.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import orjson
import structlog

from cache.errors import Unavailable
from cache.keys import AUDIT, AUDIT_READS, AUDIT_SECONDS, KEPT, MAX_TTL_SECONDS, MESSAGE, SHOP_INDEX, SWEEPER_LOCK
from cache.scripts import AUDIT_CLOSE, COUNT
from cache.server.connection import Connection, Reply, ScriptCall
from cache.server.scan import scan_keys
from ops.metrics import Metrics

SWEEP_SECONDS: Final = 30
"""Time between two sweeps. Expired bodies leave memory within a minute."""
OVERDUE_SECONDS: Final = 60
"""Largest normal difference in seconds between this process's clock and the server's clock."""

REWRITE_SECONDS: Final = 24 * 60 * 60
"""Time between two rewrites of the files of our private server. A rewrite removes expired data from its files too."""

log = structlog.get_logger()


class Sweeper:
    """Sweeps in the background. `now` is Unix seconds."""

    def __init__(
        self,
        connection: Connection,
        metrics: Metrics,
        *,
        ttl: int,
        now: Callable[[], float],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._ttl = ttl
        self._now = now
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Sweep, set the metrics and wait, again and again, until cancelled."""
        while True:
            try:
                if await self._connection.command("SET", SWEEPER_LOCK, "1", "NX", "PX", SWEEP_SECONDS * 900):
                    await self.sweep()
                await self.show()
            except Unavailable as error:
                log.warning("sweep_interrupted", reason=error.reason)
            await self._sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Touch every key once, and count the messages that are kept.

        Raises:
            Unavailable: Redis is unavailable. The next sweep does this work.
        """
        began = self._clock()
        kept, oldest = 0, 0
        async for names in scan_keys(self._connection):
            for count, *moments in await self._count([name for name in names if name.startswith(SHOP_INDEX)]):
                kept += int(count)
                for at in filter(None, moments):
                    oldest = min(oldest or int(float(at)), int(float(at)))
            await self._trim([name for name in names if name.startswith(AUDIT)])
            await self._at_once(
                AUDIT_CLOSE([name, AUDIT + name.removeprefix(AUDIT_READS)], [0])
                for name in names
                if name.startswith(AUDIT_READS)
            )
            # A large store takes many steps: other tasks run between them.
            await self._sleep(0)
        counted = orjson.dumps({"messages": kept, "oldest": oldest})
        await self._connection.command("SET", KEPT, counted, "PX", SWEEP_SECONDS * 4000)
        self._metrics.swept(self._clock() - began)

    async def _count(self, indexes: Sequence[bytes]) -> list[Reply]:
        """Returns for each shop: the number of kept messages, the time of the oldest one, and the time of the newest
        message that should have been deleted.
        """
        now = self._now()
        kept_since = int((now - self._ttl) * 1_000_000)
        gone_until = int((now - MAX_TTL_SECONDS - OVERDUE_SECONDS) * 1_000_000)
        return await self._at_once(
            COUNT([index], [MESSAGE + index.removeprefix(SHOP_INDEX) + b":", kept_since, gone_until])
            for index in indexes
        )

    async def _trim(self, logs: Sequence[bytes]) -> None:
        """Remove entries of audit logs that are too old."""
        before = int((self._now() - AUDIT_SECONDS) * 1000)
        if logs:
            await self._connection.commands_at_once([("XTRIM", name, "MINID", before) for name in logs])

    async def _at_once(self, calls: Iterable[ScriptCall]) -> list[Reply]:
        """Returns the replies of these calls, after one round trip. Ten thousand round trips would take a minute."""
        calls = list(calls)
        replies = await self._connection.runs(calls) if calls else []
        for reply in replies:
            if isinstance(reply, Unavailable):
                raise reply
        return replies

    async def rewrite_daily(self) -> None:
        """Make Redis rewrite its append-only file now and once a day, until cancelled. This is for the embedded server
        only, because the operator configures other servers (docs/adr/0003).
        """
        while True:
            try:
                await self._connection.command("BGREWRITEAOF")
            except Unavailable as error:
                log.warning("rewrite_refused", reason=error.reason)
            await self._sleep(REWRITE_SECONDS)

    async def show(self) -> None:
        """Set the metrics from the last sweep of any replica."""
        counted = await self._connection.command("GET", KEPT)
        if counted is not None:
            known = orjson.loads(counted)
            age = self._now() - known["oldest"] / 1_000_000 if known["oldest"] else 0.0
            self._metrics.kept(known["messages"], age)
