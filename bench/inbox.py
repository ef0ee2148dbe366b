"""Page Inbox as in production: `page-inbox serve` in its own process on its own core, with its own Valkey."""

import base64
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import redis

from api.auth import Tokens
from bench.caller import Caller, request
from bench.load import APP_SECRET, Tenant, filling, pour
from bench.machine import Core, on_core
from bench.processes import Process, free_port, running
from cache.embedded.valkey import Embedded
from cache.keys import SHOP_INDEX
from domain.secret import Secret
from domain.shop import EVERY_SHOP, SCOPES

_TOKEN_KEY: Final = Secret("token-key-of-the-benchmark-32-bytes-long")
_SEAL_KEY: Final = base64.b64encode(b"key that seals in the benchmark!").decode()
PROGRAM: Final = ("app", "serve")
_DELIVERIES_AT_ONCE: Final = 1_000
"""The number of prepared bodies in memory while a store is filled: about 30 MB."""


EMPTY: Final = """#!lua flags=allow-cross-slot-keys
local beats = redis.call('KEYS', 'beat:*')
local values = {}
for i, key in ipairs(beats) do values[i] = redis.call('GET', key) end
redis.call('FLUSHALL')
for i, key in ipairs(beats) do redis.call('SET', key, values[i], 'EX', 86400) end
"""
"""Deletes all keys except the beats. A service whose last beat is missing concludes that Redis has lost data."""


def empty(valkey: redis.Redis) -> None:
    """Empty a Valkey that a running service uses."""
    valkey.eval(EMPTY, 0)


@dataclass(frozen=True, slots=True)
class Inbox:
    """A running service."""

    server: Process
    valkey: redis.Redis
    valkey_url: str
    token: str

    def path(self, tenant: Tenant, rest: str) -> str:
        """Returns a path of a shop."""
        return f"/v1/shops/{tenant.shop}/{rest}"

    def get(self, tenant: Tenant, rest: str) -> bytes:
        """Returns the bytes of a GET for a shop."""
        return request("GET", self.path(tenant, rest), self.token)

    def delete(self, tenant: Tenant, rest: str) -> bytes:
        """Returns the bytes of a DELETE for a shop."""
        return request("DELETE", self.path(tenant, rest), self.token)

    def newest(self, tenant: Tenant, cursor: str | None = None, *, search: str = "") -> bytes:
        """Returns the request for the newest 50 messages, or for the newest 50 that contain the text `search`. With
        `cursor`, the request is for the next list page."""
        query = {"limit": "50"} | ({"cursor": cursor} if cursor else {}) | ({"q": search} if search else {})
        return self.get(tenant, f"messages?{urlencode(query)}")

    def begin(self, tenants: Sequence[Tenant]) -> None:
        """Empty the store and connect these shops."""
        empty(self.valkey)
        with Caller(self.server.port) as caller:
            for tenant in tenants:
                caller.ask(request("PUT", self.path(tenant, f"pages/{tenant.page}"), self.token, b"{}"))

    def fill(self, deliveries: Iterator[bytes]) -> None:
        """Send all deliveries."""
        while some := list(islice(deliveries, _DELIVERIES_AT_ONCE)):
            pour(self.server.port, some, patient=True)

    def fill_texts(self, count: int, tenants: Sequence[Tenant], rng: random.Random) -> None:
        """Store `count` texts, the same number for each shop. Raises RuntimeError if fewer are stored."""
        before = kept(self.valkey, SHOP_INDEX)
        self.fill(filling(count, tenants, rng))
        if kept(self.valkey, SHOP_INDEX) != before + count:
            raise RuntimeError("not everything that was acknowledged is kept")


def kept(valkey: redis.Redis, prefix: bytes) -> int:
    """Returns the number of messages in all indexes whose key has this prefix."""
    keys = list(valkey.scan_iter(match=prefix + b"*", count=10_000))
    with valkey.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.zcard(key)
        return sum(pipeline.execute())


@contextmanager
def store(directory: Path) -> Iterator[Embedded]:
    """Runs a Valkey beside the senders, in memory only, so that the disk is not measured."""
    with on_core("rest"), Embedded.start(directory, persistent=False) as embedded:
        yield embedded


def settings(valkey_url: str, port: int, ops_port: int, **more: str) -> dict[str, str]:
    """Returns the settings that `serve` needs, and `more`."""
    return {
        "REDIS_URL": valkey_url,
        "FACEBOOK_APP_SECRET": APP_SECRET.reveal(),
        "FACEBOOK_VERIFY_TOKEN": "verify-token-of-the-benchmark",
        "TOKEN_KEYS": _TOKEN_KEY.reveal(),
        "SEAL_KEYS": _SEAL_KEY,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "OPS_PORT": str(ops_port),
        **more,
    }


@contextmanager
def inbox(directory: Path, program: Sequence[str] = PROGRAM, **more: str) -> Iterator[Inbox]:
    """Runs a service with its own empty store and its log in a file. `more` are further settings."""
    with (
        store(directory / "valkey") as valkey,
        serving(directory, valkey.url, valkey.url, program=program, **more) as own,
    ):
        yield own


@contextmanager
def serving(
    directory: Path,
    url: str,
    node: str,
    core: Core = "measured",
    /,
    *,
    program: Sequence[str] = PROGRAM,
    **more: str,
) -> Iterator[Inbox]:
    """Runs a service on the store at `url`. `node` is one server of the store."""
    port, ops_port = free_port(), free_port()
    with (
        running(
            [sys.executable, "-m", *program],
            settings(url, port, ops_port, **more),
            directory / "serve.log",
            port=port,
            ready=(ops_port, "/readyz"),
            core=core,
        ) as server,
        redis.Redis.from_url(node) as client,
    ):
        token = Tokens((_TOKEN_KEY,)).mint(EVERY_SHOP, SCOPES, 7200, "bench", time.time())
        yield Inbox(server, client, url, token)
