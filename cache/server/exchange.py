"""One round trip: several requests go out together on one connection, and their replies come back in order.

A pipeline of redis-py does the same, but its packing in Python costs more than everything else about storing a message.
Its code around one command costs as much as sending the command and reading a page of messages.
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
"""Time for which a connection is used again without a check that it still works."""

WAIT_MILLISECONDS: Final = 600
"""Time for replicas to acknowledge a write, within one try."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long the store waits for Redis, in seconds. Tests of anything else wait longer, for a busy machine."""

    connect: float = 0.5
    answer: float = 0.9
    """One try. Two of them and the answer stay far below the 5 s in which Facebook wants its 200."""
    write: float = 1.7
    """From sending a batch or a change to giving up, a second try included. With one failed round trip to wait for
    first, the answer is still out well before Facebook's 5 s are over."""


IN_SERVICE: Final = TimeLimits()

Reply = Any
Arg = bytes | str | int
Request = tuple[bytes, Sequence[Arg]]
"""A key of it, which says where in a cluster it goes, and its words."""


class One:
    """Round trips to the only server, or to the primary that Sentinel names. A write returns when `replicas` replicas
    have it.

    A connection that was just used is used again without the pool. The pool would check that it still works, which
    costs as much as the round trip.
    """

    def __init__(self, client: Redis, replicas: int, seconds: float) -> None:
        """Answers are awaited for `seconds`."""
        self._pool = client.connection_pool
        self._kept: AbstractConnection | None = None
        self._kept_at = 0.0
        self._replicas = replicas
        self._seconds = seconds

    async def round_trip(self, requests: Sequence[Request], *, writes: bool = True) -> list[Reply | Exception]:
        """A reply to each, or the server's refusal of it.

        Raises:
            RedisError, OSError, TimeoutError: any of them may be carried out.
            Unavailable: too few replicas have what was written.
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
                # It is not a primary any more: a new connection, by name or through a proxy, reaches the new one.
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
        """WAIT covers only writes of its own connection. The PUBLISH before it follows all earlier writes in the
        replication stream, so WAIT also covers the first copy of a duplicate.
        """
        wait = (("PUBLISH", "replicated", ""), ("WAIT", self._replicas, WAIT_MILLISECONDS))
        *replies, _, reached = await exchange(connection, [*words, *wait], self._seconds)
        too_few = isinstance(reached, Exception) or reached < self._replicas
        if too_few and not any(isinstance(reply, ReadOnlyError) for reply in replies):  # a replica has none to wait for
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
    """A reply to each, or the server's refusal of it, within `seconds`. A connection that is not open is opened.

    Raises:
        RedisError, OSError, TimeoutError: it broke or was silent, and is closed; any of them may be carried out.
    """
    packed = [_packed(request) for request in requests]
    try:
        # keeps: an answer has a time limit
        async with asyncio.timeout(seconds):
            await connection.send_packed_command(packed, check_health=False)
            return [await _reply_or_error(connection) for _ in requests]
    except BaseException:
        await connection.disconnect(nowait=True)  # what it says next would be the answer to something else
        raise


def _packed(request: Sequence[Arg]) -> bytes:
    packed: bytes = pack_command(tuple(request))  # type: ignore[arg-type]  # its stub knows tuples of one element only
    return packed


async def _reply_or_error(connection: AbstractConnection) -> Reply | Exception:
    """A refusal of one request leaves the connection and the following replies whole; anything else ends it."""
    try:
        return await connection.read_response(timeout=math.inf)  # one limit over all replies instead of one for each
    except ResponseError as error:
        return error
