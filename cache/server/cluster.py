"""Round trips to a Redis Cluster: one to each node that has one of the keys. If a slot has moved, its request is sent
again to the new node. redis-py's pipeline is not enough. If a node is lost, the pipeline raises an error. It does not
read the replies of the other nodes, and does not look for a new node. Here only the keys of the lost node fail, and the
map of slots is read again in the background.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - the client's own
    MovedError,
    RedisClusterException,
    RedisError,
    SlotNotCoveredError,
)

from cache.server.exchange import Arg, Reply, Request, exchange

LOOK_SECONDS: Final = 0.25
"""Time between two reads of the map of slots while nodes fail. All calls that fail meanwhile share one read."""


class ClusterNodes:
    """The primaries of a cluster that `client` knows. Each must answer within `seconds`."""

    def __init__(self, client: RedisCluster, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._looking: asyncio.Task[None] | None = None

    async def round_trip(self, requests: Sequence[Request], *, writes: bool = True) -> list[Reply | Exception]:
        """Returns for each request its reply or an error: the server's refusal, or the error of the connection.

        Raises:
            RedisError, RedisClusterException, OSError: no node gave the map of slots.
        """
        _ = await self._client.initialize()
        replies: list[Reply | Exception] = [None] * len(requests)
        places: dict[ClusterNode, list[int]] = {}
        for at, (key, _) in enumerate(requests):
            node = self._owner(key)
            if isinstance(node, ClusterNode):
                places.setdefault(node, []).append(at)
            else:
                replies[at] = node

        async def ask(node: ClusterNode, own: list[int]) -> None:
            for at, reply in zip(own, await self._ask(node, [requests[at][1] for at in own]), strict=True):
                replies[at] = reply

        await asyncio.gather(*(ask(node, own) for node, own in places.items()))
        if any(isinstance(reply, (MovedError, AskError)) for reply in replies):
            followed = (self._follow(*pair) for pair in zip(requests, replies, strict=True))
            replies = list(await asyncio.gather(*followed))
        return replies

    def _owner(self, key: bytes) -> ClusterNode | Exception:
        try:
            node = self._client.get_node_from_key(key)  # type: ignore[arg-type]  # takes bytes as well
        except SlotNotCoveredError as error:
            self._read_slots_soon()
            return error
        return node or ConnectionError("no node has this slot")

    async def _ask(self, node: ClusterNode, requests: Sequence[Sequence[Arg]]) -> list[Reply | Exception]:
        try:
            connection = node.acquire_connection()
            try:
                await node.disconnect_if_needed(connection)
                replies = await exchange(connection, requests, self._seconds)
            finally:
                node.release(connection)
        except (RedisError, OSError) as error:
            # keeps: the slots are read again
            self._read_slots_soon()
            return [error] * len(requests)
        if any(isinstance(reply, (ClusterDownError, MovedError)) for reply in replies):
            self._read_slots_soon()
        return replies

    async def _follow(self, request: Request, reply: Reply | Exception) -> Reply | Exception:
        """Send the request to the node that has the slot now (MOVED), or to the node to which the slot is moving
        (ASK)."""
        if not isinstance(reply, (MovedError, AskError)):
            return reply
        key, words = request
        if isinstance(reply, MovedError):
            await self._client.nodes_manager.move_slot(reply)
            node = self._owner(key)
            return (await self._ask(node, [words]))[0] if isinstance(node, ClusterNode) else node
        target = self._client.get_node(reply.host, reply.port)
        return reply if target is None else (await self._ask(target, [("ASKING",), words]))[1]

    def _read_slots_soon(self) -> None:
        """Read the map of slots in the background. Callers do not wait for this."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        with suppress(RedisError, RedisClusterException, OSError):
            await self._client.nodes_manager.initialize()
        await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Stop reading the map of slots."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
