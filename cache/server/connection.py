"""The connection to Redis or Valkey: standalone, Sentinel or Cluster. Sets time limits, and translates errors."""

from collections.abc import Sequence
from copy import copy
from hashlib import sha1
from typing import Any, Final, NamedTuple, Protocol

from redis import exceptions as redis_errors
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection

from cache.errors import UNREACHED, Unavailable
from cache.server.cluster import ClusterNodes
from cache.server.exchange import IN_SERVICE, Request, SingleServer, TimeLimits
from cache.server.exchange import Arg as Arg
from cache.server.exchange import Reply as Reply
from cache.server.failures import FAILURES, reason_of

Command = tuple[str, bytes, *tuple[Arg, ...]]
"""A command with one key."""

READS: Final = frozenset({"DUMP", "EXISTS", "GET", "PEXPIRETIME", "STRLEN", "TYPE"})
"""Commands for `commands_at_once` that write nothing, so they do not wait for replicas."""


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
        """Whether the script may write. A script that may not write has the flag `no-writes` in its first line."""

    def __call__(self, keys: Sequence[bytes], args: Sequence[Arg]) -> "ScriptCall":
        return ScriptCall(self, keys, args)


class ScriptCall(NamedTuple):
    """One call of a script. Its keys share a slot."""

    script: Script
    keys: Sequence[bytes]
    args: Sequence[Arg]


class Connection:
    """One client for all calls. Nothing is opened before the first command.

    `runs` sends several script calls at once. It repeats no call that may have been carried out, because only the
    caller knows whether the call may be repeated.
    """

    def __init__(
        self,
        client: Redis | RedisCluster,
        beside: Sequence[Redis] = (),
        *,
        wait_replicas: int = 0,
        limits: TimeLimits = IN_SERVICE,
    ) -> None:
        self.client = client
        """The client of redis-py, for the few modules of this package that need more than the methods of this class."""
        self.limits = limits
        self._servers: ClusterNodes | SingleServer
        if isinstance(client, RedisCluster):
            self._servers = ClusterNodes(client, limits.answer)
        else:
            self._servers = SingleServer(client, wait_replicas, limits.answer)
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
        client = self.client
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

    def require_current(self) -> None:
        """Raise Unavailable while the data of Redis are older than before."""
        if self._guard is not None and self._guard.behind:
            raise Unavailable(
                "redis_went_back", "Redis has older data than before; they are brought up to date now.", retry_after=1
            )

    async def _compare(self) -> None:
        if self._guard is not None and self._guard.unsure:
            await self._guard.compare()
            self.require_current()

    @property
    def clustered(self) -> bool:
        """Whether keys are on several primaries, each of which can fail alone."""
        return isinstance(self.client, RedisCluster)

    async def command(self, *args: Any) -> Reply:
        """Send one command and return its reply.

        Raises:
            Unavailable: the command could not be carried out, or its answer was lost.
        """
        self.require_current()
        try:
            reply = await self.client.execute_command(*args)
        except FAILURES as error:
            raise Unavailable(reason_of(error)) from None
        await self._compare()
        return reply

    async def get_each(self, keys: Sequence[bytes]) -> list[bytes | Unavailable | None]:
        """Read several keys. Each key has its own value or error, because in a cluster one node may be lost.

        Raises:
            Unavailable: the connection to a server that is no cluster is lost.
        """
        replies = await self._replies([(key, ("GET", key)) for key in keys], writes=False)
        return [Unavailable(reason_of(reply)) if isinstance(reply, Exception) else reply for reply in replies]

    async def commands_at_once(self, commands: Sequence[Command]) -> list[Reply]:
        """Send several commands with one key each, in one round trip to each node that has one of the keys.

        Raises:
            Unavailable: at least one of them could not be carried out, or its answer was lost.
        """
        writes = any(command[0] not in READS for command in commands)
        replies = await self._replies([(command[1], command) for command in commands], writes=writes)
        for reply in replies:
            if isinstance(reply, Exception):
                raise Unavailable(reason_of(reply))
        return replies

    async def run(self, call: ScriptCall, *, tries: int = 1) -> Reply:
        """Make one script call and return its reply.

        `tries` above 1 is for calls that may be carried out twice: reads, and writes whose repetition changes nothing.

        Raises:
            Unavailable: the call could not be carried out, or its answer was lost.
        """
        while True:
            tries -= 1
            try:
                (reply,) = await self.runs([call])
                if isinstance(reply, Unavailable):
                    raise reply
            except Unavailable as error:
                if tries <= 0 or error.reason not in UNREACHED:
                    raise
            else:
                return reply

    async def runs(self, calls: Sequence[ScriptCall]) -> list[Reply | Unavailable]:
        """Make several script calls in one round trip. Each call has its own reply or error. A server that does not
        know a script gets its text.

        Raises:
            Unavailable: the round trip itself failed; any of the calls may have been carried out.
        """
        requests = [(call.keys[0], _words(call, "EVALSHA", call.script.digest)) for call in calls]
        replies = await self._replies(requests, writes=any(call.script.writes for call in calls))
        for at, reply in enumerate(replies):
            # keeps: an error of the server is raised
            if isinstance(reply, Exception):
                replies[at] = await self._retried(calls[at], reply)
        return replies

    async def _retried(self, call: ScriptCall, reply: Reply | Exception) -> Reply | Unavailable:
        """Handles a call that the server has refused. If only the script was missing, the call is sent again with the
        script's text and its reply is returned. Otherwise the error is returned."""
        # keeps: a forgotten script is sent again
        if isinstance(reply, redis_errors.NoScriptError):
            request = (call.keys[0], _words(call, "EVAL", call.script.source))
            try:
                (reply,) = await self._replies([request], writes=call.script.writes)
            except Unavailable as error:
                return error
        return Unavailable(reason_of(reply)) if isinstance(reply, Exception) else reply

    async def _replies(self, requests: Sequence[Request], *, writes: bool) -> list[Reply | Exception]:
        """Returns for each request its reply or its error. Without a cluster, a lost connection raises."""
        self.require_current()
        try:
            replies = await self._servers.round_trip(requests, writes=writes)
        except FAILURES as error:
            raise Unavailable(reason_of(error)) from None
        await self._compare()
        return replies

    async def close(self) -> None:
        """Close every connection."""
        await self._servers.close()
        for client in (self.client, *self._beside):
            await client.aclose()


def _words(call: ScriptCall, command: str, script: str) -> tuple[Arg, ...]:
    return (command, script, len(call.keys), *call.keys, *call.args)
