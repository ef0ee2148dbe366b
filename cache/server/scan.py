"""Reads what does not fit into one reply: all keys, or all fields of a hash. Also reads replies of RESP2 and RESP3."""

from collections.abc import AsyncIterator
from typing import Final

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode

from cache.server.connection import Connection
from cache.server.exchange import Reply
from cache.server.failures import our_errors

SCAN_KEYS: Final = 1000
"""Keys that one command looks at. The command takes less than a millisecond of the server's time."""
HASH_FIELDS: Final = 500
"""Fields of a hash that one command reads. The command takes about a third of a millisecond of the server's time."""


async def primaries(connection: Connection) -> dict[str, Redis | ClusterNode]:
    """Returns every primary of a cluster by its address. Without a cluster, the only primary has the name "".

    Raises:
        Unavailable: no node of the cluster can be reached.
    """
    client = connection.client
    if not isinstance(client, RedisCluster):
        return {"": client}
    with our_errors():
        _ = await client.initialize()
    return {node.name: node for node in client.get_primaries()}


async def scan_keys(connection: Connection) -> AsyncIterator[list[bytes]]:
    """Yields the keys of every primary, some at a time. The SCAN has no MATCH, because only a plain SCAN frees expired
    keys.

    Raises:
        Unavailable: a primary cannot be reached.
    """
    for node in (await primaries(connection)).values():
        cursor = 0
        while True:
            connection.require_current()
            with our_errors():
                reply = await node.execute_command("SCAN", cursor, "COUNT", SCAN_KEYS)
            cursor = int(reply[0])
            yield reply[1]
            if cursor == 0:
                break


async def count_keys(connection: Connection) -> int:
    """Returns the number of keys on all primaries.

    Raises:
        Unavailable: a primary cannot be reached.
    """
    with our_errors():
        return sum([int(await node.execute_command("DBSIZE")) for node in (await primaries(connection)).values()])


async def scan_hash(connection: Connection, key: bytes) -> AsyncIterator[dict[bytes, bytes]]:
    """Yields the fields of a hash, some at a time. A field that exists during the whole scan comes once or twice.

    Raises:
        Unavailable: the hash cannot be read.
    """
    cursor = 0
    while True:
        cursor, fields = await connection.command("HSCAN", key, cursor, "COUNT", HASH_FIELDS)
        yield hash_fields(fields)
        if int(cursor) == 0:
            return


def scored(reply: Reply) -> list[tuple[bytes, int]]:
    """Returns members of a ZSET with their scores as whole numbers. RESP3 replies in pairs, RESP2 in one flat list."""
    if reply and isinstance(reply[0], (list, tuple)):
        return [(member, int(float(score))) for member, score in reply]
    return [(member, int(float(score))) for member, score in zip(reply[::2], reply[1::2], strict=True)]


def hash_fields(reply: dict[bytes, bytes] | list[bytes]) -> dict[bytes, bytes]:
    """Returns a hash from a reply of RESP2 or RESP3."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
