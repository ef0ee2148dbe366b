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
"""How many prepared bodies are held while a store is filled: some 30 MB."""


EMPTY: Final = """#!lua flags=allow-cross-slot-keys
local beats = redis.call('KEYS', 'beat:*')
local values = {}
for i, key in ipairs(beats) do values[i] = redis.call('GET', key) end
redis.call('FLUSHALL')
for i, key in ipairs(beats) do redis.call('SET', key, values[i], 'EX', 86400) end
"""
"""Everything goes but the beats: a service whose last beat is missing takes it that Redis has lost data."""


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
        """A path of a shop."""
        return f"/v1/shops/{tenant.shop}/{rest}"

    def get(self, tenant: Tenant, rest: str) -> bytes:
        """A GET of a shop, as it travels."""
        return request("GET", self.path(tenant, rest), self.token)

    def delete(self, tenant: Tenant, rest: str) -> bytes:
        """A DELETE of a shop, as it travels."""
        return request("DELETE", self.path(tenant, rest), self.token)

    def newest(self, tenant: Tenant, cursor: str | None = None, *, search: str = "") -> bytes:
        """The request for 50 messages, of those with a text if `search` is given."""
        query = {"limit": "50"} | ({"cursor": cursor} if cursor else {}) | ({"q": search} if search else {})
        return self.get(tenant, f"messages?{urlencode(query)}")

    def begin(self, tenants: Sequence[Tenant]) -> None:
        """An empty store with these shops connected."""
        empty(self.valkey)
        with Caller(self.server.port) as caller:
            for tenant in tenants:
                caller.ask(request("PUT", self.path(tenant, f"pages/{tenant.page}"), self.token, b"{}"))

    def fill(self, deliveries: Iterator[bytes]) -> None:
        """Send all of it."""
        while some := list(islice(deliveries, _DELIVERIES_AT_ONCE)):
            pour(self.server.port, some, patient=True)

    def fill_texts(self, count: int, tenants: Sequence[Tenant], rng: random.Random) -> None:
        """Keep `count` texts, evenly over the shops. Raises RuntimeError when fewer are kept."""
        before = kept(self.valkey, SHOP_INDEX)
        self.fill(filling(count, tenants, rng))
        if kept(self.valkey, SHOP_INDEX) != before + count:
            raise RuntimeError("not everything that was acknowledged is kept")


def kept(valkey: redis.Redis, prefix: bytes) -> int:
    """Messages in all indexes whose key begins so."""
    keys = list(valkey.scan_iter(match=prefix + b"*", count=10_000))
    with valkey.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.zcard(key)
        return sum(pipeline.execute())


@contextmanager
def store(directory: Path) -> Iterator[Embedded]:
    """A Valkey beside the senders, in memory only: a disk would measure the disk."""
    with on_core("rest"), Embedded.start(directory, persistent=False) as embedded:
        yield embedded


def settings(valkey_url: str, port: int, ops_port: int, **more: str) -> dict[str, str]:
    """What `serve` needs, and more."""
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
    """A service with an empty store of its own, its log going to a file; `more` are further settings."""
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
    """A service on the store at `url`, of which `node` is one server, or the only one."""
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
