"""The audit log's recorder: every access is recorded, and equal reads of an hour are counted."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from cache.audit.recording import HOUR, MOST_FOLDS, Recorder
from cache.errors import Unavailable
from domain.audit import Access
from domain.ids import ShopId
from ops.metrics import Metrics
from tests.support import FakeClock

SHOP = ShopId("shop-1")
READ = Access("listMessages", "owner", "192.0.2.7", read=True)
PURGE = Access("purgeMessages", "owner", "192.0.2.7")


class Log:
    """Remembers entries. Refuses while `error` is set, and waits while `gate` is closed."""

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


class Setup:
    """A recorder with this log and its clock."""

    def __init__(self) -> None:
        self.log = Log()
        self.clock = FakeClock()
        self.metrics = Metrics(CollectorRegistry())
        self.audit = Recorder(
            self.log,
            self.metrics,
            now=lambda: self.clock.moment() / 1000,
            clock=self.clock.seconds,
            sleep=self.clock.sleep,
        )

    async def read(self, times: int = 1, access: Access = READ) -> None:
        """Make this number of reads, one after another."""
        for _ in range(times):
            await self.audit.record(SHOP, access)

    async def flush(self) -> None:
        """Do what the background task does."""
        await self.audit.flush()


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_each_change_has_its_own_entry(setup: Setup) -> None:
    """Each change has its own entry, also if one second has many changes."""
    await setup.read(3, PURGE)
    assert setup.log.written == [("shop-1", "purgeMessages", 1, None)] * 3


async def test_the_first_read_of_an_hour_is_written_and_the_others_are_counted(setup: Setup) -> None:
    """The recorder counts the other reads and writes the count a little later."""
    began = setup.clock.moment()
    await setup.read()
    setup.clock.advance(2)
    await setup.read(4)
    assert setup.log.written == [("shop-1", "listMessages", 1, None)]
    await setup.flush()
    await setup.flush()
    assert setup.log.written[1:] == [("shop-1", "listMessages", 4, began + 2000)]


async def test_a_steady_reader_waits_for_a_write_once_an_hour(setup: Setup) -> None:
    """No read is lost, and the log has the number of reads of each hour."""
    with capture_logs() as logged:
        for _ in range(3 * 60):
            await setup.read()
            setup.clock.advance(60)
            await setup.flush()
        await setup.audit.close()
    first = [written for written in setup.log.written if written[3] is None]
    assert 3 <= len(first) <= 4
    assert sum(times for _, _, times, _ in setup.log.written) == 180
    told = [line["events"] for line in logged if line["event"] == "audit"]
    assert told.count(1) == len(first)
    assert sum(number for number in told if number > 1) >= 180 - len(first)


async def test_only_equal_reads_share_an_entry(setup: Setup) -> None:
    """A read with another subject, address, action or shop has its own entry."""
    others = [
        Access("listMessages", "dara", "192.0.2.7", read=True),
        Access("listMessages", "owner", "192.0.2.8", read=True),
        Access("readMessage", "owner", "192.0.2.7", read=True),
    ]
    for access in (READ, *others):
        await setup.read(2, access)
    await setup.audit.record(ShopId("shop-2"), READ)
    assert len(setup.log.written) == 5


async def test_a_read_that_cannot_be_recorded_is_refused_and_the_next_one_tries_again(setup: Setup) -> None:
    """The recorder does the same in a later hour, and it loses no earlier counts."""
    setup.log.error = Unavailable("redis_unreachable")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await setup.read()
    setup.log.error = None
    await setup.read(3)
    setup.clock.advance(HOUR)
    setup.log.error = Unavailable("redis_full")
    with pytest.raises(Unavailable):
        await setup.read()
    setup.log.error = None
    await setup.read()
    assert [times for _, _, times, _ in setup.log.written] == [1, 2, 1]


async def test_parallel_reads_wait_until_the_first_read_of_the_hour_is_written(setup: Setup) -> None:
    """Reads that arrive during the write wait for it. If the write fails, they are refused too."""
    setup.log.gate.clear()
    readers = [asyncio.create_task(setup.read()) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(reader.done() for reader in readers)
    setup.log.error = Unavailable("redis_unreachable")
    setup.log.gate.set()
    outcomes = await asyncio.gather(*readers, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)


async def test_a_cancelled_read_does_not_cancel_other_waiting_reads(setup: Setup) -> None:
    """The first read of an hour is written for all readers that wait."""
    setup.log.gate.clear()
    first, second = asyncio.create_task(setup.read()), asyncio.create_task(setup.read())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    setup.log.gate.set()
    await second
    await setup.audit.close()
    assert sum(times for _, _, times, _ in setup.log.written) == 2


async def test_counts_that_cannot_be_written_are_written_later(setup: Setup) -> None:
    """A failed flush loses no count."""
    await setup.read(5)
    setup.log.error = Unavailable("redis_unreachable")
    await setup.flush()
    setup.log.error = None
    await setup.flush()
    assert [times for _, _, times, _ in setup.log.written] == [1, 4]


async def test_counts_that_are_lost_at_the_end_are_logged(setup: Setup) -> None:
    """If the log does not accept the counts before the process ends, a log line has the number of lost reads."""
    await setup.read(5)
    setup.log.error = Unavailable("redis_unreachable")
    with capture_logs() as lines:
        await setup.audit.close()
    assert [line["events"] for line in lines if line["event"] == "audit_counts_lost"] == [4]


async def test_a_cancelled_flush_loses_no_counts(setup: Setup) -> None:
    """If the process ends during a flush, `close` writes the counts."""
    await setup.read(5)
    setup.log.gate.clear()
    flushing = asyncio.create_task(setup.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    setup.log.gate.set()
    await setup.audit.close()
    assert [times for _, _, times, _ in setup.log.written] == [1, 4]


async def test_the_number_of_counted_entries_is_bounded(setup: Setup) -> None:
    """Above the bound each read has its own entry, so that strangers' addresses do not fill the memory."""
    for number in range(MOST_FOLDS + 3):
        access = Access("listMessages", f"{number}", "192.0.2.7", read=True)
        await setup.read(1, access)
    await setup.read(2, access)
    assert len(setup.log.written) == MOST_FOLDS + 5
