"""The audit log on every server. A reader's equal reads make one entry per hour. Each change makes an entry at once.
The log is limited in size, and an entry stays for 90 days.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from api.answers import audit_entry_answer
from cache.audit.log import AuditLog
from cache.cursors import Cursors
from cache.errors import CursorRefused
from cache.keys import AUDIT_SECONDS, shop_keys
from cache.messages.sweeper import Sweeper
from cache.server.address import connect
from domain.audit import Access, Entry
from domain.ids import ShopId
from tests.contract.conftest import FIVE_DAYS, PAGE, SHOP, Box
from tests.servers import Server
from tests.service import SEAL_KEY

HOUR: Final = 3_600_000
READ: Final = Access("listMessages", "owner@shop", "192.0.2.7", read=True)
KEYS: Final = shop_keys(SHOP)
MOST_BYTES: Final = 105
"""Bytes of one entry, including the bytes that the Redis stream adds."""


def log_of(box: Box, now: Callable[[], float] = time.time) -> AuditLog:
    """Returns the log of one replica."""
    return AuditLog(box.connection, Cursors([SEAL_KEY]), now=now)


def json_entry(entry: Entry) -> dict[str, Any]:
    """Returns the entry in the form of the API's answer."""
    return audit_entry_answer(entry).model_dump()


async def sweep(box: Box) -> None:
    """Do what the sweeper does every half minute."""
    sweeper = Sweeper(
        box.connection, box.metrics, ttl=FIVE_DAYS, now=time.time, clock=time.monotonic, sleep=asyncio.sleep
    )
    await sweeper.sweep()


async def entries_of(log: AuditLog, shop: ShopId = SHOP) -> list[Entry]:
    """Returns all entries, oldest first."""
    return [one async for some in log.walk(shop) for one in some]


async def test_entries_are_read_newest_first_page_by_page(box: Box) -> None:
    """A new entry does not shift a walk that has begun. Entries of another shop are not in the log."""
    log = log_of(box)
    for number in range(5):
        await log.append(SHOP, Access("connectPage", f"sub-{number}", "192.0.2.7", PAGE))
    await log.append(ShopId("shop-2"), READ)
    first = await log.entries(SHOP, limit=2, cursor=None)
    await log.append(SHOP, Access("pauseShop", "sub-5", "192.0.2.7"))
    second = await log.entries(SHOP, limit=2, cursor=first.next_cursor)
    third = await log.entries(SHOP, limit=2, cursor=second.next_cursor)
    assert third.next_cursor is None
    entries = [json_entry(one) for one in (*first.items, *second.items, *third.items)]
    assert [entry["sub"] for entry in entries] == ["sub-4", "sub-3", "sub-2", "sub-1", "sub-0"]
    assert {entry["page"] for entry in entries} == {PAGE}
    walked = [json_entry(one) for one in await entries_of(log)]
    assert walked[:5] == entries[::-1]
    assert (walked[5]["sub"], len(walked)) == ("sub-5", 6)


async def test_a_cursor_of_another_list_is_refused(box: Box) -> None:
    """Such a cursor would start the list at a wrong position."""
    with pytest.raises(CursorRefused):
        await log_of(box).entries(SHOP, limit=2, cursor="bQAGSc49QoJA")


async def test_the_reads_of_an_hour_are_one_entry_over_all_replicas(box: Box) -> None:
    """A read with another action, subject, address or hour makes another entry. A count that arrives late is added to
    the hour of its reads.
    """
    replicas, now = [log_of(box) for _ in range(4)], int(time.time() * 1000)
    others = [
        Access("readMessage", "owner@shop", "192.0.2.7", read=True),
        Access("listMessages", "dara\nsokha", "192.0.2.7", read=True),
        Access("listMessages", "owner@shop", "2001:db8::1", read=True),
    ]
    await asyncio.gather(*(replica.append(SHOP, READ) for replica in replicas for _ in range(10)))
    for access in others:
        await replicas[0].append(SHOP, access, times=3)
    hour_before = now - HOUR
    await replicas[1].append(SHOP, READ, times=7, since=hour_before)
    found = {(one.access.action, one.access.subject, one.access.client, one.since): one.times
             for one in await entries_of(replicas[2])}  # fmt: skip
    assert sorted(found.values()) == [3, 3, 3, 7, 40]
    assert found["listMessages", "owner@shop", "192.0.2.7", hour_before] == 7
    assert {key[1] for key in found} == {"owner@shop", "dara\nsokha"}


async def test_a_recorded_read_is_in_redis_at_once_and_moves_to_the_log_after_its_hour(box: Box) -> None:
    """The sweeper or the next read moves the count of a past hour. Afterwards the log has one entry, and the count is
    gone.
    """
    log, hours_ago = log_of(box), int(time.time() * 1000) - 3 * HOUR
    await log.append(SHOP, READ, times=4, since=hours_ago)
    assert await box.connection.command("HLEN", KEYS.audit_reads) == 2
    assert await box.connection.command("EXISTS", KEYS.audit) == 0
    await sweep(box)
    assert await box.connection.command("EXISTS", KEYS.audit_reads) == 0
    assert len(await box.connection.command("XRANGE", KEYS.audit, "-", "+")) == 1
    await log.append(SHOP, READ, times=5, since=hours_ago)
    await log.append(SHOP, READ)  # the next read moves the counts of past hours
    assert len(await box.connection.command("XRANGE", KEYS.audit, "-", "+")) == 2
    assert [one.times for one in await entries_of(log)] == [4, 5, 1]


async def test_old_entries_are_not_returned_and_are_deleted(box: Box) -> None:
    """Entries older than 90 days are not returned and are deleted."""
    log = log_of(box)
    old = int((time.time() - AUDIT_SECONDS - 60) * 1000)
    fields = ("a", "pauseShop", "s", "me", "c", "local", "p", "", "n", 1, "t", old, "f", 0)
    for number in range(3):
        await box.connection.command("XADD", KEYS.audit, f"{old}-{number}", *fields)
    await log.append(SHOP, Access("pauseShop", "me", "local"))
    assert len((await log.entries(SHOP, limit=100, cursor=None)).items) == 1
    assert len(await entries_of(log)) == 1
    await sweep(box)
    assert len(await box.connection.command("XRANGE", KEYS.audit, "-", "+")) == 1


async def test_the_log_expires_and_a_purge_does_not_delete_it(box: Box) -> None:
    """The log has no content. After a purge it must still show who purged."""
    log = log_of(box)
    await log.append(SHOP, READ)
    await log.append(SHOP, Access("pauseShop", "me", "local"))
    for key in (KEYS.audit, KEYS.audit_reads):
        left = await box.connection.command("PTTL", key)
        assert AUDIT_SECONDS * 1000 - 60_000 < left <= AUDIT_SECONDS * 1000
    await box.purger.purge_shop(SHOP, "owner")
    await box.erased()
    assert len(await entries_of(log)) == 2


async def test_reads_of_too_many_kinds_are_written_to_the_log_at_once(box: Box) -> None:
    """A caller with very many addresses makes many entries in the log, but the hash of counts stays small."""
    log = log_of(box)
    for number in range(1_200):
        await log.append(SHOP, Access("listMessages", "me", f"2001:db8::{number:x}", read=True))
    assert await box.connection.command("HLEN", KEYS.audit_reads) <= 1_001
    assert len(await entries_of(log)) == 1_200


async def test_an_entry_is_small(valkey: Server) -> None:
    """A shop that is read every hour has 2,160 entries in 90 days. The test measures the mean size over 540 entries."""
    connection = connect(valkey.url)
    log = AuditLog(connection, Cursors([SEAL_KEY]), now=time.time)
    entries = 540
    now = int(time.time() * 1000)
    for number in range(entries + 1):  # each read moves the count of the hour before it into the log
        await log.append(SHOP, READ, times=120 + number % 7, since=now - (entries + 2 - number) * HOUR + number % 1000)
    await connection.close()
    (client,) = valkey.clients()
    assert client.xlen(KEYS.audit) == entries
    size = client.memory_usage(KEYS.audit, samples=0) or 0
    client.delete(KEYS.audit)
    assert size / entries < MOST_BYTES
