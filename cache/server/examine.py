"""What the servers tell of themselves, asked node by node for `page-inbox doctor`. Nothing is written.

A managed service may refuse `CONFIG` or `INFO`: then those facts are absent, which is not the same as bad.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cache.errors import NOT_ALLOWED, Unavailable
from cache.keys import page_of_key
from cache.server.connection import Commands, Connection, Reply, hash_fields, our_errors
from domain.ids import PageId

NODE_SECONDS: Final = 5.0
"""All questions to one node; each has less than a second by itself (connection.py)."""

FIND_SECONDS: Final = 5.0
"""Finding the primaries of a cluster, of which some may be gone."""

CONFIG: Final = (
    "appendfsync",
    "auto-aof-rewrite-percentage",
    "min-replicas-to-write",
    "save",
    "slowlog-log-slower-than",
    "slowlog-max-len",
)
_SCAN_COUNT: Final = 1000


def number(info: Mapping[str, str], name: str) -> int:
    """A number that a server says of itself; 0 where there is none."""
    text = info.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What one primary told. `info` and `config` by the server's own names, None where it refuses to tell.

    Seconds: `clock_ahead` of the server before this machine, give or take half of `round_trip`. `scripts` is whether it
    runs scripts for us; `cluster_state` is that of its cluster, None where there is none.
    """

    name: str
    info: Mapping[str, str] | None
    config: Mapping[str, str] | None
    clock_ahead: float
    round_trip: float
    scripts: bool
    cluster_state: str | None

    def number(self, name: str) -> int:
        """A number of `info`; 0 where there is none."""
        return number(self.info or {}, name)

    @property
    def memory_share(self) -> float:
        """Used memory by `maxmemory`; 0 without a limit."""
        most = self.number("maxmemory")
        return self.number("used_memory") / most if most else 0.0


async def examine(
    connection: Connection, *, now: Callable[[], float], clock: Callable[[], float]
) -> list[NodeFacts | tuple[str, Unavailable]]:
    """What each primary told, or its name and why it did not. `now` is Unix seconds, `clock` monotonic ones.

    Raises:
        Unavailable: there is no way to any of them.
    """
    try:
        async with asyncio.timeout(FIND_SECONDS):
            nodes = await connection.primaries()
    except TimeoutError:
        raise Unavailable("redis_timeout") from None
    return await asyncio.gather(*(_asked(name, node, now, clock) for name, node in nodes.items()))


async def _asked(
    name: str, node: Commands, now: Callable[[], float], clock: Callable[[], float]
) -> NodeFacts | tuple[str, Unavailable]:
    try:
        with our_errors():
            async with asyncio.timeout(NODE_SECONDS):
                return await _facts(name, node, now, clock)
    except Unavailable as error:
        return name, error


async def _facts(name: str, node: Commands, now: Callable[[], float], clock: Callable[[], float]) -> NodeFacts:
    await _told(node, "PING")  # the first command also connects, which is not the round trip that is asked for
    sent, sent_at = clock(), now()
    seconds, microseconds = await _told(node, "TIME")
    round_trip = clock() - sent
    info = await _unless_refused(node, "INFO")
    config = await _unless_refused(node, "CONFIG", "GET", *CONFIG)
    clustered = str((info or {}).get("cluster_enabled", "0")) == "1"
    cluster = await _unless_refused(node, "CLUSTER", "INFO") if clustered else None
    return NodeFacts(
        name,
        None if info is None else {str(key): str(value) for key, value in info.items()},
        None if config is None else {_text(key): _text(value) for key, value in hash_fields(config).items()},
        clock_ahead=int(seconds) + int(microseconds) / 1e6 - (sent_at + round_trip / 2),
        round_trip=round_trip,
        scripts=await _unless_refused(node, "EVAL", "return 1", 0) is not None,
        cluster_state=None if cluster is None else _cluster_state(cluster),
    )


async def _told(node: Commands, *command: str | int) -> Reply:
    with our_errors():
        return await node.execute_command(*command)


async def _unless_refused(node: Commands, *command: str | int) -> Reply | None:
    """The reply; None where the server does not carry out this command for us."""
    try:
        return await _told(node, *command)
    except Unavailable as error:
        if error.reason not in NOT_ALLOWED:
            raise
        return None


def _cluster_state(told: Reply) -> str:
    """`ok` or `fail`, out of a text or of what the client made of it."""
    if isinstance(told, Mapping):
        return str(told.get("cluster_state", ""))
    return next((line.partition(":")[2] for line in _text(told).split() if line.startswith("cluster_state:")), "")


def _text(value: Reply) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


async def every_page(connection: Connection) -> AsyncIterator[list[PageId]]:
    """Every Page that belongs to a shop, some at a time, in no order. Walks over all keys; a Page may come twice.

    Raises:
        Unavailable: the walk did not come to its end.
    """
    async for keys in connection.scan(_SCAN_COUNT):
        if pages := [page for key in keys if (page := page_of_key(key)) is not None]:
            yield pages
