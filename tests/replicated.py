"""Servers with replicas that replace a killed primary: behind three Sentinels, or as a cluster of three."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis

from cache.embedded.valkey import Embedded
from tests.servers import SLOTS, admin, free_ports, running_sentinel
from tests.support import wait_until_blocking

NAME: Final = "inbox"
SENTINELS: Final = 3
PRIMARIES: Final = 3

DOWN_MILLISECONDS: Final = 1000
"""Milliseconds of silence after which a primary counts as lost. Production uses five seconds or more. The tests use one
second, so that they wait less."""
FAILOVER_SECONDS: Final = 60.0
"""Seconds until a replica has become the primary. Usually it takes three. The limit is higher, because the two cores
may be busy with other programs."""


@dataclass
class Replicated:
    """Primaries and replicas. `url` is a REDIS_URL. `nodes` are listed by port. `away` are the nodes that hang or are
    stopped."""

    url: str
    nodes: dict[int, Embedded] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)

    def client(self, port: int) -> redis.Redis:
        """Returns a client of one node. The caller closes it."""
        return redis.Redis.from_url(self.nodes[port].url)

    def role(self, port: int) -> str:
        """Returns `master` or `slave`, as the node reports it. The result is empty while the node does not answer:
        Sentinel closes the connections of a server whose role it changes."""
        with self.client(port) as client, suppress(redis.RedisError):
            told: bytes = admin(client, "ROLE")[0]
            return told.decode()
        return ""

    def primaries(self) -> list[int]:
        """Returns the primaries that answer."""
        return [port for port in self.nodes if port not in self.away and self.role(port) == "master"]

    def replicas(self, port: int) -> int:
        """Returns how many replicas follow a primary. A replica counts only after it reports that it has loaded the
        first copy. The primary counts the replica as online one second earlier, but sends it nothing in this second."""
        with self.client(port) as client, suppress(redis.RedisError):
            found = client.info("replication")
            ports = [int(found[f"slave{n}"]["port"]) for n in range(int(found["connected_slaves"]))]
            return sum(map(self._follows, ports))
        return 0

    def _follows(self, port: int) -> bool:
        with self.client(port) as client, suppress(redis.RedisError):
            return bool(client.info("replication").get("master_link_status") == "up")
        return False

    def kill(self, port: int) -> None:
        """Kill the node with SIGKILL. Nothing more is replicated, and its connections break."""
        self.away.add(port)
        os.kill(self.nodes[port].pid, signal.SIGKILL)

    def hang(self, port: int) -> None:
        """Stop the node: it stays connected and does not answer."""
        self.away.add(port)
        os.kill(self.nodes[port].pid, signal.SIGSTOP)

    def move_slot(self, slot: int, source: int, target: int) -> None:
        """Move a slot of a cluster with its keys from one primary to another, key by key, while it is in use."""
        with self.client(source) as old, self.client(target) as new:
            old_id, new_id = (admin(client, "CLUSTER", "MYID") for client in (old, new))
            admin(new, "CLUSTER", "SETSLOT", slot, "IMPORTING", old_id)
            admin(old, "CLUSTER", "SETSLOT", slot, "MIGRATING", new_id)
            while keys := admin(old, "CLUSTER", "GETKEYSINSLOT", slot, 10):
                admin(old, "MIGRATE", "127.0.0.1", target, "", 0, 5000, "REPLACE", "KEYS", *keys)
            for client in (new, old):
                admin(client, "CLUSTER", "SETSLOT", slot, "NODE", new_id)

    def go_on(self, port: int) -> None:
        """Let the server answer again. It still has its old role."""
        os.kill(self.nodes[port].pid, signal.SIGCONT)
        self.away.discard(port)


@contextmanager
def behind_sentinels(directory: Path, replicas: int = 1) -> Iterator[Replicated]:
    """Yields a primary with its replicas, and three Sentinels. Two Sentinels must agree that the primary is lost."""
    with ExitStack() as stack:
        first, *others = free_ports(1 + replicas + SENTINELS)
        following, watching = others[:replicas], others[replicas:]
        addresses = ",".join(f"127.0.0.1:{port}" for port in watching)
        store = Replicated(f"redis+sentinel://{addresses}/{NAME}/0")
        _start(stack, store, directory, first)
        for port in following:
            _start(stack, store, directory, port, "--replicaof", f"127.0.0.1 {first}")
        wait_until_blocking(lambda: store.replicas(first) == replicas, within=FAILOVER_SECONDS)
        for port in watching:
            (directory / str(port)).mkdir(parents=True)
            configuration = (
                f"sentinel monitor {NAME} 127.0.0.1 {first} 2\n"
                f"sentinel down-after-milliseconds {NAME} {DOWN_MILLISECONDS}\n"
                f"sentinel failover-timeout {NAME} 10000\n"
            )
            stack.enter_context(running_sentinel(directory / str(port), port, configuration))
        wait_until_blocking(
            lambda: all(_knows_the_others(port, replicas) for port in watching), within=FAILOVER_SECONDS
        )
        yield store


@contextmanager
def cluster_with_replicas(directory: Path) -> Iterator[Replicated]:
    """Yields three primaries with a third of the slots each, and a replica of each."""
    with ExitStack() as stack:
        ports = free_ports(2 * PRIMARIES)
        store = Replicated("redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports))
        clustered = ("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
        waits = ("--cluster-node-timeout", str(DOWN_MILLISECONDS), "--cluster-replica-validity-factor", "0")
        for port in ports:
            _start(stack, store, directory, port, *clustered, *waits)
        clients = [stack.enter_context(store.client(port)) for port in ports]
        for index, client in enumerate(clients):
            admin(client, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            if index < PRIMARIES:
                first, end = SLOTS * index // PRIMARIES, SLOTS * (index + 1) // PRIMARIES
                admin(client, "CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            for port in ports[:index]:
                admin(client, "CLUSTER", "MEET", "127.0.0.1", port)
        wait_until_blocking(lambda: all(_agrees(client, len(ports)) for client in clients), within=FAILOVER_SECONDS)
        for primary, replica in zip(clients[:PRIMARIES], clients[PRIMARIES:], strict=True):
            admin(replica, "CLUSTER", "REPLICATE", admin(primary, "CLUSTER", "MYID").decode())
        primaries = ports[:PRIMARIES]
        wait_until_blocking(lambda: all(store.replicas(port) == 1 for port in primaries), within=FAILOVER_SECONDS)
        yield store


def _start(stack: ExitStack, store: Replicated, directory: Path, port: int, *extra: str) -> None:
    listening = ("--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
    node = Embedded.start(directory / str(port), persistent=False, extra=[*listening, *extra])
    store.nodes[port] = stack.enter_context(node)
    stack.callback(store.go_on, port)  # a stopped process cannot be ended


def _agrees(client: redis.Redis, nodes: int) -> bool:
    state = client.cluster("INFO")
    return bool(state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == nodes)


def _knows_the_others(port: int, replicas: int) -> bool:
    with redis.Redis(port=port, socket_timeout=2) as client:
        try:
            told = client.sentinel_master(NAME)
        except redis.RedisError:
            return False
    return bool(told["num-other-sentinels"] == SENTINELS - 1 and told["num-slaves"] == replicas)
