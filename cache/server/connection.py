"""The connection to Redis or Valkey: standalone, Sentinel or Cluster. Sets time limits, and translates errors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from functools import partial
from hashlib import sha1
from typing import Any, Final, NamedTuple, Protocol

from redis import exceptions as redis_errors
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection

from cache.errors import UNREACHED, Unavailable
from cache.server.cluster import Nodes
from cache.server.exchange import IN_SERVICE, One, Request, TimeLimits
from cache.server.exchange import Arg as Arg
from cache.server.exchange import Reply as Reply
from cache.server.failures import reason_of

CONNECTIONS: Final = 256
"""Connections that readers and the writer share. They are opened when they are needed. A call waits for a free
connection and does not fail. With 64 connections and 200 readers of Graph on a busy core, some calls waited longer than
one try may take."""


HASH_FIELDS: Final = 500
"""Fields of a hash that one command reads: about a third of a millisecond of the server's time."""


class Commands(Protocol):
    """The method that the clients of a server and of a cluster share."""

    async def execute_command(self, *args: Any, **options: Any) -> Reply:
        """Send one command, return its reply."""
        ...


class ReplyGuard(Protocol):
    """Decides whether Redis and its replies may be used (cache/server/went_back.py)."""

    behind: bool
    """Whether Redis must not be used now."""
    unsure: bool
    """Whether `compare` must be called before the next reply is used."""

    def opened(self) -> None:
        """Note that a connection was opened."""
        ...

    async def compare(self) -> None:
        """Raise `Unavailable` if a reply must not be used."""
        ...


class Script:
    """A Lua script. A call of this object returns a `ScriptCall`."""

    def __init__(self, source: str) -> None:
        self.source = source
        # Redis names scripts by SHA-1. No secret depends on this hash.
        self.digest = sha1(source.encode(), usedforsecurity=False).hexdigest()
        self.writes = "no-writes" not in source.partition("\n")[0]
        """Whether the script may write. The first line of the script has this flag for the server."""

    def __call__(self, keys: Sequence[bytes], args: Sequence[Arg]) -> "ScriptCall":
        return ScriptCall(self, keys, args)


class ScriptCall(NamedTuple):
    """One call of a script. Its keys share a slot."""

    script: Script
    keys: Sequence[bytes]
    args: Sequence[Arg]


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn errors of the client into `Unavailable`. The reason shows what the operator should check."""
    try:
        yield
    except Unavailable:
        raise
    except (redis_errors.RedisError, redis_errors.RedisClusterException, OSError, TimeoutError) as error:
        raise Unavailable(reason_of(error)) from None


def heed_cancellation() -> None:
    """Raise CancelledError if this task was cancelled. The client sends with `asyncio.wait_for`, in which
    Python 3.11 may ignore a cancellation (https://github.com/python/cpython/issues/86296). Endless loops call this.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() > 0:
        raise asyncio.CancelledError


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
        heed_cancellation()

    async def receive(self, seconds: float) -> Reply:
        """Returns the next reply or message of the server, or None if nothing arrives within `seconds`.

        Raises:
            Unavailable: the connection is lost, or the server refused a command.
        """
        with our_errors():
            return await self._connection.read_response(timeout=seconds, disconnect_on_error=False, push_request=True)


class Connection:
    """One client for all calls. Nothing is opened before the first command.

    `runs` sends several script calls at once and never retries: only the caller knows whether a call may be repeated.
    """

    def __init__(
        self,
        client: Redis | RedisCluster,
        beside: Sequence[Redis] = (),
        *,
        wait_replicas: int = 0,
        limits: TimeLimits = IN_SERVICE,
    ) -> None:
        self._client = client
        self.limits = limits
        self._way: Nodes | One
        if isinstance(client, RedisCluster):
            self._way = Nodes(client, limits.answer)
        else:
            self._way = One(client, wait_replicas, limits.answer)
        self._beside = beside
        self._guard: ReplyGuard | None = None
        self.unfit = False
        """Whether Redis may lose an acknowledged message (cache/server/state.py). Then no message is stored."""

    def guard(self, guard: ReplyGuard) -> None:
        """Use this guard for every connection that is opened from now on."""

        async def opened(connection: AbstractConnection) -> None:
            await connection.on_connect_check_health(check_health=False)
            guard.opened()

        self._guard = guard
        client = self._client
        if isinstance(client, RedisCluster):
            nodes = client.nodes_manager
            known = (*client.startup_nodes, *nodes.startup_nodes.values(), *nodes.nodes_cache.values())
            places = [client.connection_kwargs, nodes.connection_kwargs, *(node.connection_kwargs for node in known)]
        else:
            places = [client.connection_pool.connection_kwargs]
        for options in places:
            options["redis_connect_func"] = opened

    def unguarded(self) -> "Connection":
        """Returns the same connection without a guard."""
        other = copy(self)
        other._guard = None  # noqa: SLF001 - of the same class
        return other

    def _require(self) -> None:
        if self._guard is not None and self._guard.behind:
            raise Unavailable(
                "redis_went_back", "Redis has older data than before; they are brought up to date now.", retry_after=1
            )

    async def _compare(self) -> None:
        if self._guard is not None and self._guard.unsure:
            await self._guard.compare()
            self._require()

    @property
    def clustered(self) -> bool:
        """Whether keys are on several primaries, each of which can fail alone."""
        return isinstance(self._client, RedisCluster)

    async def command(self, *args: Any) -> Reply:
        """Send one command and return its reply.

        Raises:
            Unavailable: the command could not be carried out, or its answer was lost.
        """
        self._require()
        with our_errors():
            reply = await self._client.execute_command(*args)
        await self._compare()
        return reply

    async def get_each(self, keys: Sequence[bytes]) -> list[bytes | Unavailable | None]:
        """Read several keys. Each has its own value or error, because in a cluster one node may be lost.

        Raises:
            Unavailable: the connection to a server that is no cluster is lost.
        """
        replies = await self._replies([(key, ("GET", key)) for key in keys], writes=False)
        return [Unavailable(reason_of(reply)) if isinstance(reply, Exception) else reply for reply in replies]

    async def commands_at_once(
        self, commands: Sequence[tuple[str, bytes, *tuple[Arg, ...]]], *, writes: bool = True
    ) -> list[Reply]:
        """Send several commands with one key each, in one round trip to each node that has one of the keys. Without
        `writes`, no command waits for replicas.

        Raises:
            Unavailable: at least one of them could not be carried out, or its answer was lost.
        """
        replies = await self._replies([(command[1], command) for command in commands], writes=writes)
        with our_errors():
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        return replies

    async def run(self, call: ScriptCall, *, tries: int = 1) -> Reply:
        """Make one script call and return its reply. A server that does not know the script gets its text.

        `tries` above 1 is for calls that may be carried out twice: reads, and writes whose repetition changes nothing.

        Raises:
            Unavailable: the call could not be carried out, or its answer was lost.
        """
        self._require()
        while True:
            tries -= 1
            try:
                with our_errors():
                    reply = await self._run(call)
            except Unavailable as error:
                if tries <= 0 or error.reason not in UNREACHED:
                    raise
            else:
                await self._compare()
                return reply

    async def _run(self, call: ScriptCall) -> Reply:
        words = _words(call)
        (reply,) = await self._way.round_trip([(call.keys[0], words)], writes=call.script.writes)
        if isinstance(reply, redis_errors.NoScriptError):
            words = ("EVAL", call.script.source, *words[2:])
            (reply,) = await self._way.round_trip([(call.keys[0], words)], writes=call.script.writes)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def runs(self, calls: Sequence[ScriptCall]) -> list[Reply | Unavailable]:
        """Make several script calls in one round trip. Each call has its own reply or error.

        Raises:
            Unavailable: the round trip itself failed; any of the calls may have been carried out.
        """
        replies = await self._replies([(call.keys[0], _words(call)) for call in calls])
        for at, reply in enumerate(replies):
            # keeps: an error of the server is raised
            if isinstance(reply, Exception):
                replies[at] = await self._retried(calls[at], reply)
        return replies

    async def _replies(self, requests: Sequence[Request], *, writes: bool = True) -> list[Reply | Exception]:
        """Returns for each request its reply or its error. Without a cluster, a lost connection raises."""
        self._require()
        with our_errors():
            replies = await self._way.round_trip(requests, writes=writes)
        await self._compare()
        return replies

    async def _retried(self, call: ScriptCall, refusal: Exception) -> Reply | Unavailable:
        """Handles a call that the server has refused. If only the script was missing, the call is sent again and its
        reply is returned. Otherwise the error is returned."""
        try:
            with our_errors():
                # keeps: a forgotten script is sent again
                if isinstance(refusal, redis_errors.NoScriptError):
                    return await self._run(call)
                raise refusal
        except Unavailable as error:
            return error

    async def scan(self, count: int) -> AsyncIterator[list[bytes]]:
        """Yields the keys of every primary, some at a time. No MATCH, because only a plain SCAN frees expired keys."""
        for node in (await self.primaries()).values():
            cursor = 0
            while True:
                self._require()
                with our_errors():
                    reply = await node.execute_command("SCAN", cursor, "COUNT", count)
                cursor = int(reply[0])
                yield reply[1]
                if cursor == 0:
                    break

    async def count_keys(self) -> int:
        """Returns the number of keys on all primaries. Raises:
        Unavailable: a primary cannot be reached.
        """
        with our_errors():
            return sum([int(await node.execute_command("DBSIZE")) for node in (await self.primaries()).values()])

    async def scan_hash(self, key: bytes) -> AsyncIterator[dict[bytes, bytes]]:
        """Yields the fields of a hash, some at a time. A field that exists during the whole scan comes once or twice.

        Raises:
            Unavailable: the hash cannot be read.
        """
        cursor = 0
        while True:
            cursor, fields = await self.command("HSCAN", key, cursor, "COUNT", HASH_FIELDS)
            yield hash_fields(fields)
            if int(cursor) == 0:
                return

    async def primaries(self) -> dict[str, Commands]:
        """Returns every primary of a cluster by its address. Without a cluster, the only primary has the name ""."""
        if not isinstance(self._client, RedisCluster):
            return {"": self._client}
        with our_errors():
            _ = await self._client.initialize()
        return {node.name: node for node in self._client.get_primaries()}

    async def node_of(self, key: bytes) -> str:
        """Returns the name of the primary that has a key. `primaries` uses the same names.

        Raises:
            Unavailable: the primary cannot be found.
        """
        if not isinstance(self._client, RedisCluster):
            return ""
        with our_errors():
            _ = await self._client.initialize()
            node = self._client.get_node_from_key(key)  # type: ignore[arg-type]  # takes bytes as well
            if node is None:
                raise Unavailable("redis_unreachable")
            return str(node.name)

    @asynccontextmanager
    async def dedicated(self, node: str) -> AsyncIterator[Dedicated]:
        """Open a connection for one user to the primary with this name, and close it afterwards.

        Raises:
            Unavailable: the primary cannot be reached.
        """
        with our_errors():
            connection, give_back = await self._take(node)
        try:
            yield Dedicated(connection)
        finally:
            await connection.disconnect(nowait=True)
            await give_back()

    async def _take(self, node: str) -> tuple[AbstractConnection, Callable[[], Awaitable[None]]]:
        if not isinstance(self._client, RedisCluster):
            pool = self._client.connection_pool
            taken: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]
            return taken, partial(pool.release, taken)
        owner = self._client.get_node(node_name=node)
        if owner is None:
            raise Unavailable("redis_unreachable")
        connection = owner.acquire_connection()

        async def give_back() -> None:
            owner.release(connection)

        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            await give_back()
            raise
        return connection, give_back

    async def close(self) -> None:
        """Close every connection."""
        await self._way.close()
        for client in (self._client, *self._beside):
            await client.aclose()


def _words(call: ScriptCall) -> tuple[Arg, ...]:
    return ("EVALSHA", call.script.digest, len(call.keys), *call.keys, *call.args)


def scored(reply: Reply) -> list[tuple[bytes, int]]:
    """Returns members of a ZSET with their scores as whole numbers. RESP3 replies in pairs, RESP2 in one flat list."""
    if reply and isinstance(reply[0], (list, tuple)):
        return [(member, int(float(score))) for member, score in reply]
    return [(member, int(float(score))) for member, score in zip(reply[::2], reply[1::2], strict=True)]


def hash_fields(reply: dict[bytes, bytes] | list[bytes]) -> dict[bytes, bytes]:
    """Returns a hash from a reply of RESP2 or RESP3."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
