"""A connection for one user, for replies and messages that the server pushes. Subscriptions use it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from redis.asyncio import RedisCluster
from redis.asyncio.connection import AbstractConnection

from cache.errors import Unavailable
from cache.server.connection import Connection
from cache.server.exchange import Arg, Reply
from cache.server.failures import our_errors, raise_if_cancelled


class Dedicated:
    """One connection for one user, for replies and messages that the server pushes."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def send(self, *words: Arg) -> None:
        """Send a command; `receive` returns its reply.

        Raises:
            Unavailable: the command could not be sent.
        """
        with our_errors():
            await self._connection.send_command(*words, check_health=False)
        raise_if_cancelled()

    async def receive(self, seconds: float) -> Reply:
        """Returns the next reply or message of the server, or None if nothing arrives within `seconds`.

        Raises:
            Unavailable: the connection is lost, or the server refused a command.
        """
        with our_errors():
            return await self._connection.read_response(timeout=seconds, disconnect_on_error=False, push_request=True)


async def node_of(connection: Connection, key: bytes) -> str:
    """Returns the name of the primary that has a key: "" without a cluster.

    Raises:
        Unavailable: the primary cannot be found.
    """
    client = connection.client
    if not isinstance(client, RedisCluster):
        return ""
    with our_errors():
        _ = await client.initialize()
        node = client.get_node_from_key(key)  # type: ignore[arg-type]  # takes bytes as well
        if node is None:
            raise Unavailable("redis_unreachable")
        return str(node.name)


@asynccontextmanager
async def dedicated(connection: Connection, node: str) -> AsyncIterator[Dedicated]:
    """Open a connection for one user to the primary with this name, and close it afterwards.

    Raises:
        Unavailable: the primary cannot be reached.
    """
    with our_errors():
        taken, give_back = await _take(connection, node)
    try:
        yield Dedicated(taken)
    finally:
        await taken.disconnect(nowait=True)
        await give_back()


async def _take(connection: Connection, node: str) -> tuple[AbstractConnection, Callable[[], Awaitable[None]]]:
    client = connection.client
    if not isinstance(client, RedisCluster):
        pool = client.connection_pool
        of_pool: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]
        return of_pool, partial(pool.release, of_pool)
    owner = client.get_node(node_name=node)
    if owner is None:
        raise Unavailable("redis_unreachable")
    taken = owner.acquire_connection()

    async def give_back() -> None:
        owner.release(taken)

    try:
        await taken.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        await taken.disconnect(nowait=True)
        await give_back()
        raise
    return taken, give_back
