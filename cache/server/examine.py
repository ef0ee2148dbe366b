"""Reads facts about each Redis server, for `page-inbox doctor` and the readiness check. It writes nothing.

A managed service may refuse `CONFIG` or `INFO`. Then these facts are None, which does not mean that they are bad.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode

from cache.errors import NOT_ALLOWED, Unavailable
from cache.keys import page_of_key
from cache.server.connection import Connection, Reply
from cache.server.failures import our_errors
from cache.server.scan import hash_fields, primaries, scan_keys
from domain.ids import PageId

NODE_SECONDS: Final = 5.0
"""Limit for all commands to one node. Each command also has its own limit (`TimeLimits` in exchange.py)."""

FIND_SECONDS: Final = 5.0
"""Limit for finding the primaries of a cluster. Some of them may be down."""

CONFIG: Final = (
    "appendfsync",
    "auto-aof-rewrite-percentage",
    "min-replicas-to-write",
    "save",
    "slowlog-log-slower-than",
    "slowlog-max-len",
)


_Node = Redis | ClusterNode


def number(info: Mapping[str, str], name: str) -> int:
    """Returns a number from INFO; 0 if there is none."""
    text = info.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Facts about one primary. `info` and `config` have the server's own names, and are None if it refuses them.

    `clock_ahead` is the number of seconds by which its clock is ahead of this machine's; the error is at most half of
    `round_trip`. `scripts` says whether it runs scripts for this user. `cluster_state` is None outside a cluster.
    """

    name: str
    info: Mapping[str, str] | None
    config: Mapping[str, str] | None
    clock_ahead: float
    round_trip: float
    scripts: bool
    cluster_state: str | None

    def number(self, name: str) -> int:
        """Returns a number from `info`; 0 if there is none."""
        return number(self.info or {}, name)

    @property
    def memory_share(self) -> float:
        """The share of `maxmemory` that is used; 0 without a limit."""
        most = self.number("maxmemory")
        return self.number("used_memory") / most if most else 0.0


async def examine(
    connection: Connection, *, now: Callable[[], float], clock: Callable[[], float]
) -> list[NodeFacts | tuple[str, Unavailable]]:
    """Returns the facts of each primary, or its name and its error. `now` is in Unix seconds, `clock` is monotonic.

    Raises:
        Unavailable: the primaries cannot be found.
    """
    try:
        async with asyncio.timeout(FIND_SECONDS):
            nodes = await primaries(connection)
    except TimeoutError:
        raise Unavailable("redis_timeout") from None
    return await asyncio.gather(*(_asked(name, node, now, clock) for name, node in nodes.items()))


async def _asked(
    name: str, node: _Node, now: Callable[[], float], clock: Callable[[], float]
) -> NodeFacts | tuple[str, Unavailable]:
    try:
        with our_errors():
            async with asyncio.timeout(NODE_SECONDS):
                return await _facts(name, node, now, clock)
    except Unavailable as error:
        return name, error


async def _facts(name: str, node: _Node, now: Callable[[], float], clock: Callable[[], float]) -> NodeFacts:
    await _reply(node, "PING")  # the first command also connects, and must not count as a round trip
    sent, sent_at = clock(), now()
    seconds, microseconds = await _reply(node, "TIME")
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


async def _reply(node: _Node, *command: str | int) -> Reply:
    with our_errors():
        return await node.execute_command(*command)


async def _unless_refused(node: _Node, *command: str | int) -> Reply | None:
    """Returns the reply; None if the server does not allow this command."""
    try:
        return await _reply(node, *command)
    except Unavailable as error:
        if error.reason not in NOT_ALLOWED:
            raise
        return None


def _cluster_state(reply: Reply) -> str:
    """Returns `ok` or `fail`, from a text or from the client's parsed reply."""
    if isinstance(reply, Mapping):
        return str(reply.get("cluster_state", ""))
    return next((line.partition(":")[2] for line in _text(reply).split() if line.startswith("cluster_state:")), "")


def _text(value: Reply) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


async def every_page(connection: Connection) -> AsyncIterator[list[PageId]]:
    """Yields every Page that belongs to a shop, some at a time, in no order. It reads all keys. A Page may come twice.

    Raises:
        Unavailable: not all keys could be read.
    """
    async for keys in scan_keys(connection):
        if pages := [page for key in keys if (page := page_of_key(key)) is not None]:
            yield pages
