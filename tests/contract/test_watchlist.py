"""Every watched Page is checked once, and every outage is reported once, on every server."""

import asyncio

import pytest

from cache.errors import Unavailable
from cache.graph.watchlist import NEAR, Watchlist
from cache.keys import OUTAGE_SECONDS, WATCH_BEAT, WATCH_OUTAGE, WATCH_SECONDS
from cache.server.connection import Reply, ScriptCall
from domain.ids import PageId
from domain.watch import Outage
from tests.contract.conftest import Box

NOW = 1_790_000_000_000
LEASE, LONGEST, SPREAD = 120_000, 30_000, 60_000


def pages(count: int) -> list[PageId]:
    """Returns this number of Pages."""
    return [PageId(str(104_200_000_000_000 + number)) for number in range(count)]


async def test_a_due_page_is_taken_once_and_again_only_after_its_lease(box: Box) -> None:
    """The Page that has been due the longest comes first."""
    early, late = pages(2)
    await box.watchlist.watch(late, NOW + 10, "connected")
    await box.watchlist.watch(early, NOW, "connected")
    assert await box.watchlist.take(NOW - 1, LEASE, 5) == []
    assert await box.watchlist.take(NOW, LEASE, 5) == [early]
    assert await box.watchlist.take(NOW + 10, LEASE, 5) == [late]
    assert await box.watchlist.take(NOW + LEASE, LEASE, 5) == [early]
    await box.watchlist.renew(late, NOW + 2 * LEASE - 1)
    assert await box.watchlist.take(NOW + LEASE + 10, LEASE, 5) == []
    assert await box.watchlist.take(NOW + 2 * LEASE, LEASE, 1) == [late]
    assert await box.watchlist.take(NOW + 2 * LEASE, LEASE, 1) == [early]


async def test_two_replicas_never_take_the_same_page(box: Box) -> None:
    """Any number of replicas may take Pages at the same time."""
    for page in pages(60):
        await box.watchlist.watch(page, NOW, "connected")
    other = Watchlist(box.connection)
    taken = await asyncio.gather(*(one.take(NOW, LEASE, 7) for _ in range(6) for one in (box.watchlist, other)))
    assert sorted(page for some in taken for page in some) == pages(60)


async def test_pages_are_counted_by_their_status(box: Box) -> None:
    """A status without any Page is counted too. A Page that repeats its status counts once."""
    one, two = pages(2)
    none = {"connected": 0, "unsubscribed": 0, "reconnect": 0}
    assert await box.watchlist.counts() == none
    for _ in range(2):
        await box.watchlist.watch(one, NOW, "connected")
        await box.watchlist.watch(two, NOW, "unsubscribed")
    assert await box.watchlist.counts() == none | {"connected": 1, "unsubscribed": 1}
    await box.watchlist.watch(two, NOW, "connected")
    await box.watchlist.watch(one, NOW, "reconnect")
    assert await box.watchlist.counts() == none | {"connected": 1, "reconnect": 1}
    for _ in range(2):
        await box.watchlist.forget(one)
    await box.watchlist.forget(PageId("never-heard-of"))
    assert await box.watchlist.counts() == none | {"connected": 1}


async def test_a_renewed_lease_does_not_bring_back_a_forgotten_page(box: Box) -> None:
    """A replica that is still checking the Page cannot renew its lease."""
    (page,) = pages(1)
    await box.watchlist.watch(page, NOW, "connected")
    assert await box.watchlist.take(NOW, LEASE, 1) == [page]
    await box.watchlist.forget(page)
    await box.watchlist.renew(page, NOW)
    assert await box.watchlist.take(NOW + LEASE, LEASE, 1) == []


async def test_all_pages_are_due_at_evenly_spread_times_after_an_outage(box: Box) -> None:
    """A Page that was already due keeps its time. The test has more Pages than one script call changes."""
    every = pages(1201)
    for page in every[1:]:
        await box.watchlist.watch(page, NOW + 10**8, "connected")
    await box.watchlist.watch(every[0], NOW - 5, "connected")
    await box.watchlist.beat(NOW - 2 * LONGEST, LONGEST, SPREAD)
    assert await box.watchlist.take(NOW, LEASE, 2000) == [every[0]]
    assert await box.watchlist.beat(NOW, LONGEST, SPREAD)
    first_half = {*await box.watchlist.take(NOW + 30_000, LEASE, 2000)} - {every[0]}
    assert abs(len(first_half) - 600) <= 2
    second_half = {*await box.watchlist.take(NOW + 60_000, LEASE, 2000)} - {every[0]}
    assert first_half | second_half == {*every[1:]}


async def test_another_replica_finishes_the_work_of_a_replica_that_died_while_it_made_pages_due(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has a note of the Pages that are not due yet."""
    every = pages(1201)
    for page in every:
        await box.watchlist.watch(page, NOW + 10**8, "connected")
    await box.watchlist.beat(NOW - 2 * LONGEST, LONGEST, SPREAD)
    run, calls = box.connection.run, 0

    async def die_after_the_first(call: ScriptCall, *, tries: int = 1) -> Reply:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise Unavailable("redis_unreachable")
        return await run(call, tries=tries)

    monkeypatch.setattr(box.connection, "run", die_after_the_first)
    with pytest.raises(Unavailable):
        await box.watchlist.beat(NOW, LONGEST, SPREAD)
    monkeypatch.undo()
    assert await Watchlist(box.connection).beat(NOW + 1, LONGEST, SPREAD) is None
    assert {*await box.watchlist.take(NOW + SPREAD, LEASE, 2000)} == {*every}


async def test_a_beat_without_an_outage_makes_nothing_due(box: Box) -> None:
    """An outage before the first Page was connected makes no Page due later."""
    (page,) = pages(1)
    await box.watchlist.beat(NOW, LONGEST, SPREAD)
    assert await box.watchlist.beat(NOW + 2 * LONGEST, LONGEST, SPREAD)
    await box.watchlist.watch(page, NOW + 10**8, "connected")
    await box.watchlist.beat(NOW + 3 * LONGEST, LONGEST, SPREAD)
    assert await box.watchlist.take(NOW + 10**7, LEASE, 1) == []


async def test_an_outage_is_reported_to_only_one_replica(box: Box) -> None:
    """The first beat reports no outage. A replica whose clock is behind reports no outage either."""
    other = Watchlist(box.connection)
    assert await box.watchlist.beat(NOW, LONGEST, SPREAD) is None
    assert await other.beat(NOW - 40_000, LONGEST, SPREAD) is None
    assert await box.watchlist.beat(NOW + LONGEST, LONGEST, SPREAD) is None
    assert await box.watchlist.outage() is None
    back = NOW + 3 * LONGEST
    told = await asyncio.gather(*(one.beat(back, LONGEST, SPREAD) for _ in range(5) for one in (box.watchlist, other)))
    assert [outage for outage in told if outage] == [Outage(NOW + LONGEST, back)]
    assert await other.outage() == Outage(NOW + LONGEST, back)


async def test_outages_close_to_each_other_count_as_one_outage(box: Box) -> None:
    """When the second outage begins, messages of the first outage may still be missing. A much later outage is an
    outage of its own.
    """
    minute = 60_000
    await box.watchlist.beat(NOW, LONGEST, SPREAD)
    assert await box.watchlist.beat(NOW + minute, LONGEST, SPREAD) == Outage(NOW, NOW + minute)
    assert await box.watchlist.beat(NOW + 2 * NEAR, LONGEST, SPREAD) == Outage(NOW + minute, NOW + 2 * NEAR)
    assert await box.watchlist.outage() == Outage(NOW, NOW + 2 * NEAR)
    last = NOW + 2 * NEAR
    for _ in range(3):
        last += NEAR // 2
        await box.watchlist.beat(last, NEAR, SPREAD)
    assert await box.watchlist.beat(last + minute, LONGEST, SPREAD) == Outage(last, last + minute)
    assert await box.watchlist.outage() == Outage(last, last + minute)


async def test_every_key_of_the_watch_has_its_deadline(box: Box) -> None:
    """Each change of a key sets its expiry time again."""
    (page,) = pages(1)
    await box.watchlist.watch(page, NOW, "connected")
    await box.watchlist.take(NOW, LEASE, 1)
    await box.watchlist.renew(page, NOW)
    await box.watchlist.beat(NOW, LONGEST, SPREAD)
    await box.watchlist.beat(NOW + 2 * LONGEST, LONGEST, SPREAD)
    for key in [key for key in await box.keys() if key.startswith(b"{watch}")]:
        left = int(await box.connection.command("TTL", key))
        longest = OUTAGE_SECONDS if key == WATCH_OUTAGE else WATCH_SECONDS
        assert longest - 60 < left <= longest, key
    assert {WATCH_BEAT, WATCH_OUTAGE} < {*await box.keys()}
