"""The queue of messages, without Redis: its bounds, its fairness, and messages that have waited too long."""

import pytest

from cache.errors import Unavailable
from cache.keys import shop_keys
from cache.messages.queue import WAIT_SECONDS, Pace, Part, Row, WriteQueue, row_of
from cache.registry.routes import PageRoute
from domain.event import Outcome
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.message import Message
from tests.support import FakeClock

BUSY, QUIET = PageRoute(ShopId("busy"), b"its secret"), PageRoute(ShopId("quiet"), b"its secret")
Result = list[Outcome] | Exception


def rows(route: PageRoute, count: int) -> list[Row]:
    messages = [Message(MessageId(f"m_{n}"), PageId("1"), Psid("7"), "in", "message", None) for n in range(count)]
    return [row_of(shop_keys(route.shop), message, b"abcd", 432_000) for message in messages]


def queue(clock: FakeClock, messages: int = 100, size: int = 1_000_000, batch: int = 10) -> WriteQueue:
    pace = Pace(clock.seconds)
    pace.messages = batch
    return WriteQueue(pace, clock.seconds, messages, size)


def shops(taken: list[Part]) -> list[tuple[PageRoute, int]]:
    return [(part.route, len(part.rows)) for part in taken]


def test_the_next_batch_takes_a_busy_shop_after_the_other_shops() -> None:
    """If a shop has too many messages for one batch, the rest comes after the other shops in the next batch."""
    waiting = queue(FakeClock())
    for _ in range(5):
        waiting.add(BUSY, rows(BUSY, 8), lambda _: None)
    waiting.add(QUIET, rows(QUIET, 1), lambda _: None)
    assert shops(waiting.take()) == [(BUSY, 16)]
    assert shops(waiting.take()) == [(QUIET, 1), (BUSY, 16)]
    assert shops(waiting.take()) == [(BUSY, 8)]
    assert waiting.waiting == 0


def test_taken_messages_count_in_the_queue_until_they_have_an_outcome() -> None:
    """The queue counts their number and their bytes. Each caller gets the outcomes of its own messages, and gets
    them once.
    """
    waiting = queue(FakeClock(), messages=5)
    results: list[list[Result]] = [[], []]
    waiting.add(BUSY, rows(BUSY, 3), results[0].append)
    waiting.add(BUSY, rows(BUSY, 2), results[1].append)
    (part,) = waiting.take()
    with pytest.raises(Unavailable, match="queue full"):
        waiting.add(QUIET, rows(QUIET, 1), lambda _: None)
    assert not waiting.has_room()
    waiting.fulfil(part.puts, ["stored", "duplicate", "stored", "erased", "stored"])
    waiting.fail(part.puts, Unavailable("redis_timeout"))
    assert results == [[["stored", "duplicate", "stored"]], [["erased", "stored"]]]
    assert waiting.unfinished() == (0, 0)
    waiting.add(QUIET, rows(QUIET, 5), lambda _: None)


def test_messages_over_the_limit_of_bytes_are_refused() -> None:
    """The queue adds up the sizes of the records."""
    record = len(rows(BUSY, 1)[0].record)
    waiting = queue(FakeClock(), size=2 * record)
    waiting.add(BUSY, rows(BUSY, 2), lambda _: None)
    with pytest.raises(Unavailable):
        waiting.add(QUIET, rows(QUIET, 1), lambda _: None)


def test_late_messages_are_refused_if_the_next_batch_cannot_take_all() -> None:
    """Messages that are not late stay in the queue."""
    clock = FakeClock()
    late: list[Result] = []
    fresh: list[Result] = []
    waiting = queue(clock)
    waiting.add(BUSY, rows(BUSY, 9), late.append)
    clock.advance(WAIT_SECONDS + 0.1)
    waiting.add(BUSY, rows(BUSY, 4), fresh.append)
    assert shops(waiting.take()) == [(BUSY, 4)]
    assert [type(result) for result in late] == [Unavailable]
    assert fresh == []


def test_all_waiting_messages_are_refused_if_the_store_is_unreachable() -> None:
    """Facebook delivers these messages again."""
    waiting = queue(FakeClock())
    results: list[Result] = []
    for shop in (BUSY, QUIET):
        waiting.add(shop, rows(shop, 2), results.append)
    error = Unavailable("redis_unreachable")
    waiting.fail_all(error)
    assert results == [error, error]
    assert waiting.take() == []
    assert waiting.unfinished() == (0, 0)
