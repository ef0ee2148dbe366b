"""Reads the content of keys from one server, and makes the commands that write the content to another server.

A large hash or sorted set is read in several parts. Content is compared by digests, because two servers may encode the
same content differently.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cache.errors import Corrupt
from cache.server.connection import Arg, Command, Connection
from cache.server.scan import scan_hash, scored

PART: Final = 500
"""Fields, members or entries in one part."""

Items = list[tuple[bytes, bytes]]

Progress = Callable[[int], None]
"""A function that gets the number of keys or items that were handled since its last call."""


@dataclass(frozen=True, slots=True)
class BackupPart:
    """A part of a key's content. `deadline` is the expiry time in Unix milliseconds, -1 for a permanent key.

    `items`: fields and values of a hash; members and scores of a sorted set; ids and fields of a stream's entries; for
    a string, one value with the name "".
    """

    key: bytes
    type: str
    deadline: int
    items: Items


async def read_parts(connection: Connection, key: bytes) -> AsyncIterator[BackupPart]:
    """Yields the parts of a key's content. A missing key has no parts.

    Raises:
        Unavailable: the key cannot be read.
        Corrupt: the key has a type that the service does not use.
    """
    type_, deadline = await connection.commands_at_once([("TYPE", key), ("PEXPIRETIME", key)])
    match type_:
        case b"string":
            value = await connection.command("GET", key)
            if value is not None:
                yield BackupPart(key, "string", deadline, [(b"", value)])
        case b"hash":
            async for fields in scan_hash(connection, key):
                yield BackupPart(key, "hash", deadline, [*fields.items()])
        case b"zset":
            async for items in _members(connection, key):
                yield BackupPart(key, "zset", deadline, items)
        case b"stream":
            async for items in _entries(connection, key):
                yield BackupPart(key, "stream", deadline, items)
        case b"none":
            return
        case _:
            raise Corrupt


async def _members(connection: Connection, key: bytes) -> AsyncIterator[Items]:
    # Members are read by cursor and not by rank, because a removed member changes the ranks of the others.
    cursor, moved = b"0", True
    while moved:
        cursor, found = await connection.command("ZSCAN", key, cursor, "COUNT", PART)
        yield [(member, b"%d" % score) for member, score in scored(found)]
        moved = int(cursor) != 0


async def _entries(connection: Connection, key: bytes) -> AsyncIterator[Items]:
    after = b"-"
    while found := await connection.command("XRANGE", key, after, "+", "COUNT", PART):
        yield [(id_, b"\0".join(_flat(fields))) for id_, fields in found]
        after = b"(" + found[-1][0]


def _flat(fields: dict[bytes, bytes] | list[bytes]) -> list[bytes]:
    return [part for pair in fields.items() for part in pair] if isinstance(fields, dict) else fields


def write_commands(part: BackupPart) -> list[Command]:
    """Returns the commands that write a part. They do not change an existing value, field, member or expiry time.

    Raises:
        Corrupt: the part belongs to a stream, which only `copy` can write.
    """
    commands: list[Command]
    match part.type:
        case "string":
            commands = [("SET", part.key, part.items[0][1], "NX")]
        case "hash":
            commands = [("HSETNX", part.key, name, value) for name, value in part.items]
        case "zset":
            flat = (piece for member, score in part.items for piece in (score, member))
            rest: tuple[Arg, ...] = ("NX", *flat)
            commands = [("ZADD", part.key, *rest)]
        case _:
            raise Corrupt
    if part.deadline > 0:
        commands.append(("PEXPIREAT", part.key, part.deadline, "NX"))
    return commands


async def digests(connection: Connection, keys: Sequence[bytes]) -> list[bytes]:
    """Returns a digest of the content and expiry time of each key, and b"" for a missing key."""
    return await asyncio.gather(*(_digest(connection, key) for key in keys))


async def _digest(connection: Connection, key: bytes) -> bytes:
    sum_, head = 0, b""
    async for part in read_parts(connection, key):
        head = f"{part.type} {part.deadline}".encode()
        for name, value in part.items:
            # The digests are added, because a hash returns its fields in any order.
            sum_ += int.from_bytes(sha256(len(name).to_bytes(4) + name + value).digest())
    return sha256(head + sum_.to_bytes(40)).digest() if head else b""
