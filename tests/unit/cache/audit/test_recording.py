"""No access goes on unrecorded, and like reads of a minute share an entry."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from cache.audit.recording import FOLD_SECONDS, LINGER_SECONDS, MOST_FOLDS, Audit
from cache.errors import Unavailable
from domain.audit import Access
from domain.ids import ShopId
from ops.metrics import Metrics
from tests.support import FakeClock

SHOP = ShopId("shop-1")
READ = Access("listMessages", "owner", "192.0.2.7", read=True)
PURGE = Access("purgeMessages", "owner", "192.0.2.7")


class Log:
    """Remembers entries; refuses while `error` is set, waits while `gate` is closed."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, int, int | None]] = []
        self.error: Unavailable | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, shop: ShopId, access: Access, *, times: int = 1, since: int | None = None) -> None:
        """Write an entry."""
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.written.append((shop, access.action, times, since))


class House:
    """The recorder over that log, and its clock."""

    def __init__(self) -> None:
        self.log = Log()
        self.clock = FakeClock()
        self.metrics = Metrics(CollectorRegistry())
        self.audit = Audit(
            self.log,
            self.metrics,
            now=lambda: self.clock.moment() / 1000,
            clock=self.clock.seconds,
            sleep=self.clock.sleep,
        )

    async def read(self, times: int = 1, access: Access = READ) -> None:
        """So many reads, one after the other."""
        for _ in range(times):
            await self.audit.record(SHOP, access)

    async def flush(self) -> None:
        """What the background task does."""
        await self.audit.flush(self.clock.seconds() - LINGER_SECONDS)


@pytest.fixture
def house() -> House:
    return House()


async def test_each_deed_is_an_entry(house: House) -> None:
    """However many come in a second."""
    await house.read(3, PURGE)
    assert house.log.written == [("shop-1", "purgeMessages", 1, None)] * 3


async def test_the_first_read_is_written_and_the_others_of_its_minute_are_counted(house: House) -> None:
    """And written as one once nobody comes any more."""
    began = house.clock.moment()
    await house.read()
    house.clock.advance(2)
    await house.read(4)
    assert house.log.written == [("shop-1", "listMessages", 1, None)]
    house.clock.advance(FOLD_SECONDS)
    await house.flush()
    assert len(house.log.written) == 1, "it lingers for a next read"
    house.clock.advance(LINGER_SECONDS)
    await house.flush()
    assert house.log.written[1:] == [("shop-1", "listMessages", 4, began + 2000)]
    await house.flush()
    assert len(house.log.written) == 2


async def test_a_steady_reader_costs_an_entry_a_minute(house: House) -> None:
    """The first of a minute is written together with what was counted in the one before; nothing is lost."""
    for _ in range(10 * 60):
        await house.read()
        house.clock.advance(1)
        await house.flush()
    await house.audit.close()
    assert len(house.log.written) == 11
    assert sum(times for _, _, times, _ in house.log.written) == 600


async def test_only_like_reads_share_an_entry(house: House) -> None:
    """Another subject, address, action or shop is another reader."""
    others = [
        Access("listMessages", "dara", "192.0.2.7", read=True),
        Access("listMessages", "owner", "192.0.2.8", read=True),
        Access("readMessage", "owner", "192.0.2.7", read=True),
    ]
    for access in (READ, *others):
        await house.read(2, access)
    await house.audit.record(ShopId("shop-2"), READ)
    assert len(house.log.written) == 5


async def test_a_read_that_cannot_be_recorded_is_refused_and_the_next_one_tries_again(house: House) -> None:
    """Also in a later minute; what was counted before is not lost."""
    house.log.error = Unavailable("redis_unreachable")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await house.read()
    house.log.error = None
    await house.read(3)
    house.clock.advance(FOLD_SECONDS)
    house.log.error = Unavailable("redis_full")
    with pytest.raises(Unavailable):
        await house.read()
    house.log.error = None
    await house.read()
    assert [times for _, _, times, _ in house.log.written] == [1, 3]


async def test_nobody_is_answered_before_the_minutes_first_read_is_written(house: House) -> None:
    """Those that come while it is being written wait for it, and are refused with it."""
    house.log.gate.clear()
    readers = [asyncio.create_task(house.read()) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(reader.done() for reader in readers)
    house.log.error = Unavailable("redis_unreachable")
    house.log.gate.set()
    outcomes = await asyncio.gather(*readers, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)


async def test_a_reader_who_goes_away_does_not_take_the_others_along(house: House) -> None:
    """The first of a minute is written for all who wait."""
    house.log.gate.clear()
    first, second = asyncio.create_task(house.read()), asyncio.create_task(house.read())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    house.log.gate.set()
    await second
    await house.audit.close()
    assert sum(times for _, _, times, _ in house.log.written) == 2


async def test_what_cannot_be_written_waits_and_is_told_at_the_end(house: House) -> None:
    """By number, in the log."""
    await house.read(5)
    house.log.error = Unavailable("redis_unreachable")
    house.clock.advance(FOLD_SECONDS + LINGER_SECONDS)
    await house.flush()
    house.log.error = None
    await house.flush()
    assert [times for _, _, times, _ in house.log.written] == [1, 4]


async def test_a_flush_that_is_cut_off_loses_nothing(house: House) -> None:
    """The process ends while it writes: `close` writes it."""
    await house.read(5)
    house.clock.advance(FOLD_SECONDS + LINGER_SECONDS)
    house.log.gate.clear()
    flushing = asyncio.create_task(house.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    house.log.gate.set()
    await house.audit.close()
    assert [times for _, _, times, _ in house.log.written] == [1, 4]


async def test_what_is_counted_has_a_bound(house: House) -> None:
    """Beyond it each read is an entry; memory does not grow with strangers' addresses."""
    for number in range(MOST_FOLDS + 3):
        access = Access("listMessages", f"{number}", "192.0.2.7", read=True)
        await house.read(1, access)
    assert len(house.audit._folds) == MOST_FOLDS
    await house.read(2, access)
    assert len(house.log.written) == MOST_FOLDS + 5
