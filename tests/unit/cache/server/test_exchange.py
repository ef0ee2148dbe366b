"""When a connection is used again without a check, and when it is not."""

import asyncio
from typing import Any, Final

import pytest
from redis.exceptions import NoScriptError, ResponseError

from cache.errors import Unavailable
from cache.server.connection import Connection, Script
from cache.server.exchange import SingleServer
from tests.servers import PATIENT

ASKED: Final = [(b"key", ("GET", "key"))]


class FakeConnection:
    """A connection that gives the prepared answers. A new one is open."""

    def __init__(self) -> None:
        self.is_connected = True
        self.replies: list[Any] = []

    async def send_packed_command(self, _packed: object, check_health: bool = True) -> None:
        """Accept the command, and let other tasks run."""
        assert not check_health
        await asyncio.sleep(0)

    async def read_response(self, timeout: float) -> Any:  # noqa: ASYNC109 - its name for it
        """Returns the next reply, or `+OK`."""
        assert timeout > 0
        await asyncio.sleep(0)  # other tasks run, as they do on a real connection
        reply = self.replies.pop(0) if self.replies else b"OK"
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def disconnect(self, nowait: bool = False) -> None:
        """Close the connection."""
        assert nowait
        self.is_connected = False


class FakePool:
    """Records which connections are taken and given back."""

    def __init__(self) -> None:
        self.taken: list[FakeConnection] = []
        self.given_back: list[FakeConnection] = []

    async def get_connection(self) -> FakeConnection:
        """Returns another connection each time."""
        self.taken.append(FakeConnection())
        return self.taken[-1]

    async def release(self, connection: FakeConnection) -> None:
        """Take the connection back."""
        self.given_back.append(connection)


class FakeClient:
    """A client with a pool."""

    def __init__(self) -> None:
        self.connection_pool = FakePool()


@pytest.fixture
def pool() -> FakePool:
    """Returns a new pool for each test."""
    return FakePool()


@pytest.fixture
def one(pool: FakePool) -> SingleServer:
    """Returns the exchange over this pool."""
    client: Any = FakeClient()
    client.connection_pool = pool
    return SingleServer(client, replicas=0, seconds=PATIENT.answer)


async def test_a_connection_that_has_just_been_used_is_used_again(one: SingleServer, pool: FakePool) -> None:
    """The pool gives out one connection, and gets it back at the end."""
    for _ in range(3):
        assert await one.round_trip(ASKED) == [b"OK"]
    assert len(pool.taken) == 1
    assert pool.given_back == []
    await one.close()
    assert pool.given_back == pool.taken


async def test_two_parallel_round_trips_use_two_connections(one: SingleServer, pool: FakePool) -> None:
    """One connection is kept, and the other is closed."""
    await asyncio.gather(one.round_trip(ASKED), one.round_trip(ASKED))
    assert len(pool.taken) == 2
    assert len(pool.given_back) == 1


async def test_a_broken_connection_is_not_reused(one: SingleServer, pool: FakePool) -> None:
    """The failed round trip gives the connection back to the pool, and a later round trip takes another one."""
    await one.round_trip(ASKED)
    pool.taken[0].replies = [ConnectionError()]
    with pytest.raises(ConnectionError):
        await one.round_trip(ASKED)
    assert pool.given_back == pool.taken
    await one.round_trip(ASKED)
    pool.taken[1].is_connected = False
    await one.round_trip(ASKED)
    assert len(pool.taken) == 3
    assert pool.given_back == pool.taken[:2]


async def test_the_pool_checks_a_connection_after_a_long_pause(
    one: SingleServer, pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour, the exchange gives the connection back and takes one that the pool has checked."""
    await one.round_trip(ASKED)
    loop = asyncio.get_running_loop()
    an_hour_later = loop.time() + 3600
    monkeypatch.setattr(loop, "time", lambda: an_hour_later)
    await one.round_trip(ASKED)
    assert len(pool.taken) == 2
    assert pool.given_back == pool.taken[:1]


async def test_a_refusal_does_not_close_the_connection(one: SingleServer, pool: FakePool) -> None:
    """The connection stays usable."""
    await one.round_trip(ASKED)
    refusal = ResponseError("WRONGTYPE")
    pool.taken[0].replies = [refusal]
    assert await one.round_trip([*ASKED, *ASKED]) == [refusal, b"OK"]
    await one.round_trip(ASKED)
    assert len(pool.taken) == 1


async def test_a_write_that_must_send_its_script_also_waits_for_replicas(pool: FakePool) -> None:
    """The server does not know the script, so the writer sends it again. The replica has the earlier writes, but
    not this write.
    """
    client: Any = FakeClient()
    client.connection_pool = pool
    connection = Connection(client, wait_replicas=1, limits=PATIENT)
    await connection.get_each([b"key"])
    replica_has, replica_lacks = [0, 1], [0, 0]  # the replies to PUBLISH and WAIT
    pool.taken[0].replies = [NoScriptError("NOSCRIPT"), *replica_has, b"s", *replica_lacks]
    with pytest.raises(Unavailable) as caught:
        await connection.run(Script("#!lua\n")([b"key"], []))
    assert caught.value.reason == "redis_not_replicated"


async def test_a_read_waits_for_no_replica(pool: FakePool) -> None:
    """Without replicas, Pages and messages can still be read."""
    client: Any = FakeClient()
    client.connection_pool = pool
    connection = Connection(client, wait_replicas=1, limits=PATIENT)
    assert await connection.commands_at_once([("GET", b"key"), ("EXISTS", b"key")]) == [b"OK", b"OK"]
    assert await connection.get_each([b"key"]) == [b"OK"]
    await connection.get_each([b"key"])
    pool.taken[0].replies = [b"OK", b"OK", 0, 0]  # the last two are the replies to PUBLISH and WAIT
    with pytest.raises(Unavailable):
        await connection.commands_at_once([("GET", b"key"), ("SET", b"key", b"value")])
