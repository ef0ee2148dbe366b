"""The audit log over every server: one chain whoever appends, and whatever is done to it in Redis is found."""

import asyncio
import secrets
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from api.answers import audit_entry_answer
from cache.audit.log import AuditLog
from cache.errors import CursorRefused, SealKeysMissing, Unavailable
from cache.keyring import Keyring
from cache.keys import AUDIT_SECONDS, shop_keys
from cache.messages.sweeper import TRIM_ENTRIES, Sweeper
from domain.audit import Access, Damage, Entry
from domain.ids import ShopId
from domain.secret import Secret
from tests.contract.conftest import FIVE_DAYS, PAGE, SHOP, Box
from tests.service import SEAL_KEY

DAY = 24 * 60 * 60
READ = Access("listMessages", "owner@shop", "192.0.2.7", read=True)
KEYS = shop_keys(SHOP)


def log_of(box: Box, now: Callable[[], float] = time.time, keys: tuple[Secret, ...] = (SEAL_KEY,)) -> AuditLog:
    """A replica's log."""
    return AuditLog(box.connection, Keyring(keys), now=now, new_nonce=secrets.token_bytes)


def json_entry(entry: Entry) -> dict[str, Any]:
    """As the API answers it."""
    return audit_entry_answer(entry).model_dump()


async def test_entries_are_read_newest_first_page_by_page(box: Box) -> None:
    """New ones never shift a walk that has begun; another shop's are not among them."""
    log = log_of(box)
    for number in range(5):
        await log.append(SHOP, Access("connectPage", f"sub-{number}", "192.0.2.7", PAGE))
    await log.append(ShopId("shop-2"), READ)
    first = await log.entries(SHOP, limit=2, cursor=None)
    await log.append(SHOP, READ)
    second = await log.entries(SHOP, limit=2, cursor=first.next_cursor)
    third = await log.entries(SHOP, limit=2, cursor=second.next_cursor)
    assert third.next_cursor is None
    entries = [json_entry(one) for one in (*first.items, *second.items, *third.items)]
    assert [entry["sub"] for entry in entries] == ["sub-4", "sub-3", "sub-2", "sub-1", "sub-0"]
    assert [entry["sequence"] for entry in entries] == [5, 4, 3, 2, 1]
    assert {entry["page"] for entry in entries} == {PAGE}
    walked = [json_entry(one) for some in [s async for s in log.walk(SHOP)] for one in some]
    assert [entry["sequence"] for entry in walked] == [1, 2, 3, 4, 5, 6]
    assert walked[:5] == entries[::-1]


async def test_a_cursor_of_something_else_is_refused(box: Box) -> None:
    """It would begin anywhere."""
    with pytest.raises(CursorRefused):
        await log_of(box).entries(SHOP, limit=2, cursor="bQAGSc49QoJA")


async def test_replicas_that_append_side_by_side_make_one_chain(box: Box) -> None:
    """Each entry once, and the whole verifies."""
    replicas = [log_of(box) for _ in range(4)]
    await asyncio.gather(*(replica.append(SHOP, READ) for replica in replicas for _ in range(10)))
    assert await log_of(box).verify(SHOP) == (40, [])


async def test_verifying_goes_on_while_others_append(box: Box) -> None:
    """What comes meanwhile is no damage."""
    log = log_of(box)
    verdicts: list[list[Damage]] = []

    async def look() -> None:
        while len(verdicts) < 10:
            verdicts.append((await log_of(box).verify(SHOP))[1])

    await asyncio.gather(look(), *(log.append(SHOP, READ) for _ in range(60)))
    assert verdicts == [[]] * 10


async def test_a_log_whose_answer_was_lost_is_not_written_twice(box: Box) -> None:
    """The same call again comes to the same."""
    log = log_of(box)
    run = box.connection.run

    async def twice(*args: object, **options: object) -> object:
        """Its first answer is lost."""
        await run(*args, **options)  # type: ignore[arg-type]
        return await run(*args, **options)  # type: ignore[arg-type]

    box.connection.run = twice  # type: ignore[method-assign]
    try:
        await log.append(SHOP, READ)
        await log.append(SHOP, READ)
    finally:
        box.connection.run = run  # type: ignore[method-assign]
    assert await log.verify(SHOP) == (2, [])


async def test_nobody_queues_for_long_while_redis_hangs(box: Box) -> None:
    """Twenty accesses of one shop at once, each of which would wait: all are refused after a moment."""
    log = log_of(box)
    run = box.connection.run

    async def hang(*_: object, **__: object) -> object:
        """A socket that times out."""
        await asyncio.sleep(0.3)
        raise Unavailable("redis_timeout")

    box.connection.run = hang  # type: ignore[method-assign]
    began = time.monotonic()
    try:
        outcomes = await asyncio.gather(*(log.append(SHOP, READ) for _ in range(20)), return_exceptions=True)
    finally:
        box.connection.run = run  # type: ignore[method-assign]
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert time.monotonic() - began < 20 * 0.3, "one after the other"
    await log.append(SHOP, READ)
    assert await log.verify(SHOP) == (1, [])


async def test_what_is_done_to_the_log_in_redis_is_found(box: Box) -> None:
    """Removed, cut off at the end, replaced, moved; and a record that was put back or taken away."""
    log = log_of(box)
    for _ in range(9):
        await log.append(SHOP, READ)
    rows = await log._range(SHOP, "-inf", "+inf", "", 100)
    head = await box.connection.command("HGET", KEYS.registry, "audit")

    async def found(*commands: tuple[object, ...]) -> list[Damage]:
        for command in commands:
            await box.connection.command(*command)
        _, damages = await log_of(box).verify(SHOP)
        for one, sequence in rows:
            await box.connection.command("ZADD", KEYS.audit, sequence, one)
        await box.connection.command("HSET", KEYS.registry, "audit", head)
        await box.connection.command("EXPIRE", KEYS.audit, AUDIT_SECONDS)
        return damages

    (third, _), (fourth, _), (last, _) = rows[2], rows[3], rows[8]
    assert await found() == []
    assert await found(("ZREM", KEYS.audit, third)) == [Damage("removed", 3, 3)]
    assert await found(("ZREM", KEYS.audit, last)) == [Damage("removed", 9, 9)]
    assert await found(("ZREMRANGEBYRANK", KEYS.audit, 0, -1)) == [Damage("removed", 1, 9)]
    swap = (("ZADD", KEYS.audit, 4, third), ("ZADD", KEYS.audit, 3, fourth))
    assert await found(*swap) == [Damage("moved", 3, 4)]
    assert await found(("HDEL", KEYS.registry, "audit")) == [Damage("head_changed", 0, 9)]
    assert await found(("HSET", KEYS.registry, "audit", "rubbish")) == [Damage("head_changed", 0, 9)]
    other = last.replace(b"192.0.2.7", b"192.0.2.8")
    replaced = await found(("ZREM", KEYS.audit, last), ("ZADD", KEYS.audit, 9, other))
    await box.connection.command("ZREM", KEYS.audit, other)
    assert replaced == [Damage("changed", 9, 9)]
    assert await found() == []


async def test_old_entries_are_dropped_and_the_rest_verifies(box: Box) -> None:
    """After 90 days, by the sweeper; until it comes nobody reads them any more."""
    now = time.time()
    then = [now - AUDIT_SECONDS - DAY]
    log = log_of(box, lambda: then[0])
    for _ in range(TRIM_ENTRIES + 5):
        await log.append(SHOP, READ)
    then[0] = now
    await log.append(SHOP, READ)
    await log.append(SHOP, READ)
    assert len((await log.entries(SHOP, limit=100, cursor=None)).items) == 2
    sweeper = Sweeper(
        box.connection, box.metrics, ttl=FIVE_DAYS, now=time.time, clock=time.monotonic, sleep=asyncio.sleep
    )
    await sweeper.sweep()
    assert await log.verify(SHOP) == (2, [])
    assert await box.connection.command("ZCARD", KEYS.audit) == 2
    (first, _), *_ = await log._range(SHOP, "-inf", "+inf", "", 1)
    await box.connection.command("ZREM", KEYS.audit, first)
    assert (await log.verify(SHOP))[1] == [Damage("removed", 1, TRIM_ENTRIES + 6)]


async def test_the_log_has_a_deadline_and_a_purge_leaves_it(box: Box) -> None:
    """It holds no content; who purged must be answerable afterwards."""
    log = log_of(box)
    await log.append(SHOP, READ)
    left = await box.connection.command("PTTL", KEYS.audit)
    assert AUDIT_SECONDS * 1000 - 60_000 < left <= AUDIT_SECONDS * 1000
    await box.purger.purge_shop(SHOP, "owner")
    await box.erased()
    assert await log.verify(SHOP) == (1, [])


async def test_a_rotated_key_verifies_what_it_wrote(box: Box) -> None:
    """The new one goes first; once it has written, the old one may go: each entry vouches for those before it."""
    new = Secret(b64encode(b"another key of the contract test").decode())
    await log_of(box).append(SHOP, READ)
    await log_of(box, keys=(new, SEAL_KEY)).append(SHOP, READ)
    assert await log_of(box, keys=(new, SEAL_KEY)).verify(SHOP) == (2, [])
    assert await log_of(box, keys=(new,)).verify(SHOP) == (2, [])
    with pytest.raises(SealKeysMissing, match="SEAL_KEYS"):
        await log_of(box, keys=()).append(SHOP, READ)
