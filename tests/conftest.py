"""Servers that are started at their first use and shared. Each test that asks for a server gets it empty, and must leak
no key."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import settings

from tests import servers
from tests.breakable import Breakable
from tests.debian import Absent
from tests.servers import Server

settings.register_profile("tests", deadline=None)  # a busy machine may take any time for one example
settings.load_profile("tests")

STORES = ("valkey9", "redis82", "redis7", "cluster")
"""The servers on which `store_url` runs a test. Redis 7 is the oldest version that is supported."""


@pytest.fixture(scope="session")
def valkey9(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yields the Valkey that `page-inbox run` embeds."""
    with servers.running("valkey9", tmp_path_factory.mktemp("valkey9"), extra=servers.RESTING) as server:
        yield server


@pytest.fixture(scope="session")
def redis82(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yields Redis 8.2."""
    binary = _or_skip(servers.redis82)
    with servers.running("redis82", tmp_path_factory.mktemp("redis82"), binary, extra=servers.RESTING) as server:
        yield server


@pytest.fixture(scope="session")
def redis7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yields Redis 7.0."""
    binary = _or_skip(servers.redis7)
    with servers.running("redis7", tmp_path_factory.mktemp("redis7"), binary, extra=servers.RESTING) as server:
        yield server


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yields three Valkeys as a cluster."""
    with servers.running_cluster(tmp_path_factory.mktemp("cluster"), servers.valkey9()) as server:
        yield server


@pytest.fixture
def valkey(valkey9: Server) -> Iterator[Server]:
    """Yields an empty Valkey 9."""
    yield from _empty_and_then_leakless(valkey9)


@pytest.fixture
def valkey_url(valkey: Server) -> str:
    """Returns the address of an empty Valkey 9, in the form of REDIS_URL."""
    return valkey.url


@pytest.fixture
def flushed(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Server]]:
    """Yields one of the servers by its name, empty. Searches it for leaked keys afterwards."""
    lent: list[Server] = []

    def lend(name: str) -> Server:
        server: Server = request.getfixturevalue(name)
        server.empty()
        lent.append(server)
        return server

    yield lend
    for server in lent:
        _refuse_leaks(server.unbounded_keys())


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Yields each server in turn, empty."""
    yield from _empty_and_then_leakless(request.getfixturevalue(request.param))


@pytest.fixture
def store_url(store: Server) -> str:
    """Returns the address of each server in turn, in the form of REDIS_URL. The server is empty."""
    return store.url


@pytest.fixture
def own_server(tmp_path: Path) -> Callable[..., AbstractContextManager[Server]]:
    """Returns a function that starts a Valkey for this test only: `with own_server(extra=["--hz", "1"])`. The test may
    fill it, slow it down or kill it. If `persistent` is true, the same `name` starts again with the same data. No check
    for leaked keys follows."""

    def start(
        name: str = "own", *, binary: Path | None = None, persistent: bool = False, extra: Sequence[str] = ()
    ) -> AbstractContextManager[Server]:
        return servers.running(name, tmp_path / name, binary, persistent=persistent, extra=extra)

    return start


@pytest.fixture
def lost(own_server: Callable[..., AbstractContextManager[Server]]) -> Iterator[Server]:
    """Yields the Redis that is lost, or the source of a copy."""
    with own_server("lost") as server:
        yield server


@pytest.fixture
def empty(own_server: Callable[..., AbstractContextManager[Server]]) -> Iterator[Server]:
    """Yields the Redis that replaces the lost Redis."""
    with own_server("empty") as server:
        yield server


@pytest.fixture
def breakable() -> Iterator[Breakable]:
    """Yields a Valkey to stop, hang or fill up, for this test only. Its data has a short path, because the path of a
    socket is limited to about 100 characters."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as directory:
        server = Breakable(Path(directory) / "valkey")
        try:
            yield server
        finally:
            server.go_on()
            server.stop()


def _empty_and_then_leakless(server: Server) -> Iterator[Server]:
    server.empty()
    yield server
    _refuse_leaks(server.unbounded_keys())


def _refuse_leaks(keys: list[bytes]) -> None:
    if keys:
        pytest.fail(f"keys without a deadline that cache.keys.PERMANENT does not list: {keys}", pytrace=False)


def _or_skip(binary: Callable[[], Path]) -> Path:
    try:
        return binary()
    except Absent as reason:
        pytest.skip(str(reason))
