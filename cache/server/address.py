"""Makes a connection from an address: one server, Sentinel or Cluster, each with or without TLS. It opens nothing yet.

    redis://[user:password@]host[:6379][/db]      rediss:// is the same over TLS
    unix:///path/of/a/socket
    redis+sentinel://h1[:26379],h2/MASTER[/db][?sentinel_username=U&sentinel_password=P]      rediss+sentinel://
    redis+cluster://h1[:6379],h2                                                              rediss+cluster://

A user and password before the hosts belong to Redis itself, also with Sentinel.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from cache.server.connection import Connection
from cache.server.exchange import IN_SERVICE, TimeLimits

SENTINEL_PORT: Final = 26379
REDIS_PORT: Final = 6379

CONNECTIONS: Final = 256
"""Connections that readers and the writer share. They are opened when they are needed. A call waits for a free
connection and does not fail. With 64 connections and 200 readers of Graph on a busy core, some calls waited longer than
the time limit of one try."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files: the authority that signed the server's certificate, and a client's certificate with its key.

    An empty `ca` means the authorities that this machine trusts; empty `cert` and `key` mean no client certificate.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""

    def options(self) -> dict[str, Any]:
        """Returns the paths as options of the client."""
        # keeps: the authority of the certificate is checked
        return {"ssl_ca_certs": self.ca or None, "ssl_certfile": self.cert or None, "ssl_keyfile": self.key or None}


def connect(url: str, wait_replicas: int = 0, tls: Tls = Tls(), limits: TimeLimits = IN_SERVICE) -> Connection:
    """Returns a connection to a checked address (`ops/values.py` checks it).

    A write counts as done when `wait_replicas` replicas have it. For a cluster this number is ignored.
    """
    # The client's own ten retries would repeat a write whose answer was lost, and would take a minute in all.
    options: dict[str, Any] = {
        "socket_timeout": limits.answer,
        "socket_connect_timeout": limits.connect,
        "retry": Retry(NoBackoff(), 0),
    }
    scheme, _, rest = url.partition("://")
    encrypted = scheme.startswith("rediss")
    if encrypted:
        options |= tls.options()
    if not scheme.endswith(("+sentinel", "+cluster")):
        pool = BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=limits.answer, **options)
        return Connection(Redis.from_pool(pool), wait_replicas=wait_replicas, limits=limits)
    if encrypted:
        options["ssl"] = True
    # `urlsplit` accepts only one host. Here several hosts are separated by commas.
    rest, _, query = rest.partition("?")
    credentials, _, hosts_and_path = rest.rpartition("@")
    hosts, _, path = hosts_and_path.partition("/")
    own = dict(options)
    if credentials:
        user, _, password = credentials.partition(":")
        own |= {"username": unquote(user) or None, "password": unquote(password) or None}
    if scheme.endswith("+cluster"):
        nodes = [ClusterNode(*_host_and_port(host, REDIS_PORT)) for host in hosts.split(",")]
        return Connection(RedisCluster(startup_nodes=nodes, **own), limits=limits)
    asked = dict(parse_qsl(query))
    of_sentinels = {"username": asked.get("sentinel_username"), "password": asked.get("sentinel_password")}
    name, _, database = path.partition("/")
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [_host_and_port(host, SENTINEL_PORT) for host in hosts.split(",")],
        sentinel_kwargs=options | of_sentinels,
        db=int(database or 0),
        **own,
    )
    # keeps: the current primary is used
    return Connection(sentinel.master_for(name), beside=sentinel.sentinels, wait_replicas=wait_replicas, limits=limits)


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "localhost", parts.port or default
