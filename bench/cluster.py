"""A Redis Cluster on loopback, in memory only, on the same machine as the senders."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import redis

from bench.machine import on_core
from bench.processes import free_port
from cache.embedded.valkey import Embedded

SLOTS: Final = 16_384
_BUS_OFFSET: Final = 10_000
_HIGHEST_PORT: Final = 65_535
_AGREE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02


@contextmanager
def cluster(directory: Path, primaries: int) -> Iterator[tuple[str, list[str]]]:
    """Yields the cluster's address in the form of REDIS_URL, and the addresses of its nodes. Raises: RuntimeError: the
    nodes do not form a cluster.
    """
    with ExitStack() as stack:
        stack.enter_context(on_core("rest"))
        ports = [_port() for _ in range(primaries)]
        nodes = [stack.enter_context(_node(directory / str(port), port)) for port in ports]
        clients = [stack.enter_context(redis.Redis.from_url(node.url)) for node in nodes]
        for index, client in enumerate(clients):
            first, end = SLOTS * index // primaries, SLOTS * (index + 1) // primaries
            _tell(client, "CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            _tell(client, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            for port in ports[:index]:
                _tell(client, "CLUSTER", "MEET", "127.0.0.1", port)
        patience = time.monotonic() + _AGREE_SECONDS
        while not all(_agrees(client, primaries) for client in clients):
            if time.monotonic() > patience:
                raise RuntimeError("the nodes of the cluster do not come together")
            time.sleep(_POLL_SECONDS)
        yield "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports), [node.url for node in nodes]


def _port() -> int:
    """Returns a free port whose port for the cluster bus is free too."""
    while (port := free_port()) > _HIGHEST_PORT - _BUS_OFFSET:
        pass
    return port


def _node(directory: Path, port: int) -> Embedded:
    extra = ["--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes"]
    return Embedded.start(directory, persistent=False, extra=[*extra, "--cluster-announce-ip", "127.0.0.1"])


def _tell(client: redis.Redis, *command: str | int) -> Any:
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


def _agrees(client: redis.Redis, nodes: int) -> bool:
    state = client.cluster("INFO")
    return bool(state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == nodes)
