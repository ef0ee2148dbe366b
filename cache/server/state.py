"""Examines whether Redis can keep acknowledged messages: at start, at each readiness check and once per minute.

Each server is examined (cache/server/examine.py) and judged (cache/server/node_findings.py), and must carry out a
script that writes. A server that may evict keys or is too old is unfit. Then deliveries are refused, because Facebook
delivers again only messages that were not acknowledged.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from cache.errors import Unavailable
from cache.keys import PROBE_SECONDS, probe_keys
from cache.scripts import PROBE
from cache.server.connection import Connection
from cache.server.examine import NodeFacts, examine
from cache.server.node_findings import judge, unreachable
from domain.finding import Finding
from ops.metrics import Metrics

LOOK_SECONDS: Final = 60.0
FRESH_SECONDS: Final = 0.5
"""Seconds. Checks that run within this time share one examination."""
UNFIT: Final = frozenset({"redis.policy", "redis.version"})
"""Names of findings. If one of these findings fails, an acknowledged message may be lost."""
CONFIGURATION: Final = UNFIT | {"redis.replication", "redis.cluster", "redis.scripts"}

log = structlog.get_logger()


class ServerState:
    """The result of the last examination. `now` is Unix seconds, `clock` is monotonic."""

    def __init__(
        self, connection: Connection, metrics: Metrics, *, now: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._now = now
        self._clock = clock
        self._findings: dict[tuple[str, str], Finding] = {}
        self._looked_at = -FRESH_SECONDS
        self._looking = asyncio.Lock()
        self._unfit: Finding | None = None

    async def unfit(self) -> Finding | None:
        """Examine Redis. Returns the reason why it must not be used. Returns None if it may be used, or if it does not
        answer now."""
        await self._look()
        return self._unfit

    async def takes_writes(self) -> bool:
        """Returns True if every primary carries out a script that writes.

        Raises:
            Unavailable: a primary refuses; the error has its reason.
        """
        calls = [PROBE([key], [PROBE_SECONDS * 1000]) for key in probe_keys(clustered=self._connection.clustered)]
        for reply in await self._connection.runs(calls):
            if isinstance(reply, Unavailable):
                raise reply
        return True

    async def configured(self) -> bool:
        """Returns whether version, eviction policy, role and rights are right."""
        return not await self._found(CONFIGURATION, "fail")

    async def known(self) -> bool:
        """Returns whether the server says that it is Redis or Valkey, and its version."""
        return not await self._found({"redis.version"}, "warn")

    async def on_time(self) -> bool:
        """Returns whether the server's clock agrees with this machine's."""
        return not await self._found({"redis.clock"}, "fail")

    async def with_room(self) -> bool:
        """Returns whether enough memory is free."""
        return not await self._found({"redis.memory"}, "warn", "fail")

    async def persistent(self) -> bool:
        """Returns whether the server can write to its disk."""
        return not await self._found({"redis.persistence"}, "fail")

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Examine once a minute, until cancelled."""
        while True:
            await self._look()
            await sleep(LOOK_SECONDS)

    async def _found(self, names: Iterable[str], *levels: str) -> bool:
        await self._look()
        return any(finding.name in names and finding.level in levels for finding in self._findings.values())

    async def _look(self) -> None:
        async with self._looking:
            if self._clock() - self._looked_at < FRESH_SECONDS:
                return
            try:
                nodes = await examine(self._connection, now=self._now, clock=self._clock)
            except Unavailable:
                return  # the findings of the last examination stay
            facts = [node for node in nodes if isinstance(node, NodeFacts)]
            findings = [finding for node in facts for finding in judge(node)]
            findings += [unreachable(node[1], node[0]) for node in nodes if not isinstance(node, NodeFacts)]
            self._measure(facts)
            self._keep(findings)
            self._looked_at = self._clock()

    def _keep(self, findings: list[Finding]) -> None:
        before, self._findings = self._findings, {(finding.name, finding.about): finding for finding in findings}
        for key, finding in self._findings.items():
            earlier = before.get(key)
            if finding.level == (earlier.level if earlier else "ok"):
                continue
            if finding.level == "ok":
                log.info("redis_finding", check=finding.name, detail=finding.sentence, hint=finding.remedy)
            else:
                log.warning("redis_finding", check=finding.name, detail=finding.sentence, hint=finding.remedy)
        bad = (finding for finding in findings if finding.level == "fail" and finding.name in UNFIT)
        self._unfit = next(bad, None)
        self._connection.unfit = self._unfit is not None

    def _measure(self, facts: list[NodeFacts]) -> None:
        if facts:
            self._metrics.redis(
                clock_skew=max((node.clock_ahead for node in facts), key=abs),
                evicted=sum(node.number("evicted_keys") for node in facts),
                memory=max(node.memory_share for node in facts),
            )
