"""A backup reads a key correctly while the key changes."""

from cache.backup.records import read_parts
from cache.server.address import connect
from tests.servers import PATIENT, Server

MEMBERS = 2_000


async def test_a_remaining_member_is_read_while_other_members_are_removed(valkey: Server) -> None:
    """The list of Pages to check changes in this way: a Page that is checked moves, and the other Pages stay."""
    connection = connect(valkey.url, limits=PATIENT)
    try:
        await connection.command("ZADD", b"w:due", *(word for n in range(MEMBERS) for word in (n, b"p%d" % n)))
        await connection.command("EXPIRE", b"w:due", 60)
        found: dict[bytes, bytes] = {}
        removed: set[bytes] = set()
        async for part in read_parts(connection, b"w:due"):
            found |= dict(part.items)
            if not removed:
                removed = set(list(found)[:400])
                await connection.command("ZREM", b"w:due", *removed)
        assert found.keys() | removed == {b"p%d" % n for n in range(MEMBERS)}
        assert all(found[b"p%d" % n] == b"%d" % n for n in range(MEMBERS) if b"p%d" % n in found)
    finally:
        await connection.close()
