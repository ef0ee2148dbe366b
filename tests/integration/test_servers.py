"""The servers of the other tests are the right ones, and the key-leak check finds what it should find."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import redis

from cache.keys import BEAT, PERMANENT, mark_keys
from tests.servers import Server

VERSIONS = {
    "valkey9": ("valkey_version", "9."),
    "redis82": ("redis_version", "8.2."),
    "redis7": ("redis_version", "7.0."),
    "cluster": ("valkey_version", "9."),
}


def test_each_store_has_the_version_of_its_name(store: Server) -> None:
    """At the start it is empty, except for the marks, and for the heartbeats of a service that another test uses."""
    field, version = VERSIONS[store.name]
    for client in store.clients():
        assert str(client.info("server")[field]).startswith(version)
        keys: list[bytes] = list(client.scan_iter())
        assert {key for key in keys if not key.startswith(BEAT)} <= set(mark_keys(clustered=True))


def test_the_leak_check_finds_a_key_without_expiry_on_every_store(store: Server) -> None:
    """Keys with an expiry time and the written list of permanent keys are no leak."""
    with _client(store.url) as client:
        for number in range(20):
            client.set(f"leak:{number}", "x")
            client.set(f"bounded:{number}", "x", ex=60)
            client.set(PERMANENT[0] + str(number).encode(), "x")
        assert store.unbounded_keys() == sorted(f"leak:{number}".encode() for number in range(20))
        for number in range(20):
            client.delete(f"leak:{number}")


def test_a_persistent_test_server_keeps_its_data(
    own_server: Callable[..., AbstractContextManager[Server]],
) -> None:
    """The next server with the same name has the data."""
    for expected in (None, b"x"):
        with own_server("mine", persistent=True) as server, _client(server.url) as client:
            assert client.get("key") == expected
            client.set("key", "x")


def _client(url: str) -> redis.Redis:
    if url.startswith("redis+cluster://"):
        host, _, port = url.removeprefix("redis+cluster://").split(",")[0].rpartition(":")
        return redis.RedisCluster(host=host, port=int(port))  # type: ignore[return-value]
    return redis.Redis.from_url(url)
