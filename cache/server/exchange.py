"""One round trip: sends several requests together on one connection, and reads their replies in order.

A pipeline of redis-py does the same. But the packing of redis-py in Python takes more CPU time than all other work to
store one message. The code of redis-py around one command takes as much CPU time as the sending of the command and the
reading of a list page of messages.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ReadOnlyError, ResponseError

from cache.errors import Unavailable

KEPT_SECONDS: Final = 1.0
"""A connection is used again without a check for this many seconds after its last use."""

WAIT_MILLISECONDS: Final = 600
"""Time in which the replicas must acknowledge a write. It is a part of the time of one try."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """The time limits of calls to Redis, in seconds. Most tests use longer limits, because their machine may be
    busy."""

    connect: float = 0.5
    answer: float = 0.9
    """Longest time of one try. Two tries and the answer take far less than the 5 s in which Facebook expects 200."""
    write: float = 1.7
    """Longest time for a batch or a change, with a second try. Even if it first waits for another failed round trip,
    the answer is sent well before Facebook's 5 s are over."""


IN_SERVICE: Final = TimeLimits()
IN_COMMAND: Final = TimeLimits(connect=5, answer=10, write=20)
"""An operator's command must not fail because Redis is slow for a moment."""

Reply = Any
Arg = bytes | str | int
Request = tuple[bytes, Sequence[Arg]]
"""The words of a command, and one of its keys, which decides the node of a cluster."""


class SingleServer:
    """Round trips to the only server, or to the primary that Sentinel names. A write returns when `replicas` replicas
    have it.

    A connection that was just used is used again without the pool. The pool would check that the connection still
    works, which takes as much CPU time as the round trip.
    """

    def __init__(self, client: Redis, replicas: int, seconds: float) -> None:
        """Wait for answers at most `seconds`."""
        self._pool = client.connection_pool
        self._kept: AbstractConnection | None = None
        self._kept_at = 0.0
        self._replicas = replicas
        self._seconds = seconds

    async def round_trip(self, requests: Sequence[Request], *, writes: bool = True) -> list[Reply | Exception]:
        """Returns for each request its reply, or the server's refusal.

        Raises:
            RedisError, OSError, TimeoutError: any of the requests may have been carried out.
            Unavailable: too few replicas have the written data.
        """
        connection = await self._take()
        well = False
        try:
            words = [words for _, words in requests]
            # keeps: replicas have the message
            if writes and self._replicas:
                replies = await self._waited(connection, words)
            else:
                replies = await exchange(connection, words, self._seconds)
            # keeps: a demoted primary is left
            if any(isinstance(reply, ReadOnlyError) for reply in replies):
                # The server is no primary any more. A new connection, by name or through a proxy, reaches the new
                # primary.
                await connection.disconnect()
                await self._pool.disconnect(inuse_connections=False)
            else:
                well = True
        finally:
            if well and self._kept is None:
                self._kept, self._kept_at = connection, asyncio.get_running_loop().time()
            else:
                await self._pool.release(connection)
        return replies

    async def _take(self) -> AbstractConnection:
        kept, self._kept = self._kept, None
        if kept is not None:
            if kept.is_connected and asyncio.get_running_loop().time() < self._kept_at + KEPT_SECONDS:
                return kept
            await self._pool.release(kept)
        taken: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        return taken

    async def _waited(self, connection: AbstractConnection, words: list[Sequence[Arg]]) -> list[Reply | Exception]:
        """Returns the replies after enough replicas have the writes.

        WAIT waits only for the writes of the same connection. So a PUBLISH is sent before WAIT: in the replication
        stream, the PUBLISH comes after all earlier writes of all connections. So WAIT also waits for the first copy of
        a duplicate, which another connection wrote.
        """
        wait = (("PUBLISH", "replicated", ""), ("WAIT", self._replicas, WAIT_MILLISECONDS))
        *replies, _, reached = await exchange(connection, [*words, *wait], self._seconds)
        too_few = isinstance(reached, Exception) or reached < self._replicas
        if too_few and not any(isinstance(reply, ReadOnlyError) for reply in replies):  # a replica has no replicas
            raise Unavailable("redis_not_replicated")
        return replies

    async def close(self) -> None:
        """Return the kept connection to the pool."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await self._pool.release(kept)


async def exchange(
    connection: AbstractConnection, requests: Sequence[Sequence[Arg]], seconds: float
) -> list[Reply | Exception]:
    """Returns for each request its reply or the server's refusal, within `seconds`. Opens the connection if needed.

    Raises:
        RedisError, OSError, TimeoutError: the connection failed or sent nothing, and is closed. Any of the requests may
            have been carried out.
    """
    packed = [pack_command(tuple(request)) for request in requests]  # type: ignore[arg-type]  # its stub is too narrow
    replies: list[Reply | Exception] = []
    try:
        async with asyncio.timeout(seconds):
            await connection.send_packed_command(packed, check_health=False)
            for _ in requests:
                try:
                    replies.append(await connection.read_response(timeout=math.inf))  # one time limit for all replies
                except ResponseError as error:  # only this request is refused; other errors end the connection
                    replies.append(error)
    except BaseException:
        await connection.disconnect(nowait=True)  # its next reply would belong to another request
        raise
    return replies
