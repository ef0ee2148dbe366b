"""The pace of the writer: how many messages one round trip sends, and which messages are refused because they would
wait too long.
"""

from cache.messages.queue import FEWEST_MESSAGES, LONG_SECONDS, MOST_MESSAGES, SHORT_SECONDS, WAIT_SECONDS, Pace
from tests.support import FakeClock


def trip(pace: Pace, clock: FakeClock, seconds: float, messages: int) -> None:
    """Run one round trip that takes this time."""
    pace.begin()
    clock.advance(seconds)
    pace.end(messages)


def test_nothing_is_refused_while_no_round_trip_runs() -> None:
    """Even if the store was slow for a long time, the next message is accepted, because one write must show whether
    the store is fast again.
    """
    clock = FakeClock()
    pace = Pace(clock.seconds)
    trip(pace, clock, 10, MOST_MESSAGES)
    assert not pace.too_long(1_000_000)


def test_a_quick_store_accepts_a_hundred_full_round_trips() -> None:
    """A hundred full round trips of five milliseconds take half a second."""
    clock = FakeClock()
    pace = Pace(clock.seconds)
    trip(pace, clock, 0.005, MOST_MESSAGES)
    pace.begin()
    assert not pace.too_long(MOST_MESSAGES * 100)
    assert pace.too_long(MOST_MESSAGES * 200)


def test_a_message_is_refused_if_the_running_round_trip_takes_too_long() -> None:
    """The message waits for the next round trip, which may take as long as the running one."""
    clock = FakeClock()
    pace = Pace(clock.seconds)
    trip(pace, clock, 0.005, 1)
    pace.begin()
    clock.advance(WAIT_SECONDS - 0.1)
    assert not pace.too_long(1)
    clock.advance(0.2)
    assert pace.too_long(1)


def test_a_message_is_refused_if_its_expected_wait_is_over_the_limit() -> None:
    """The expected wait is the rest of the running round trip, plus one round trip for each batch before the
    message.
    """
    clock = FakeClock()
    pace = Pace(clock.seconds)
    trip(pace, clock, 0.5, 10)
    pace.begin()
    assert pace.too_long(0)
    clock.advance(0.3)
    assert not pace.too_long(0)
    assert pace.too_long(pace.messages)


def test_round_trips_become_smaller_until_they_are_short() -> None:
    """If each message takes a millisecond, the size of a round trip falls to 250 messages."""
    clock = FakeClock()
    pace = Pace(clock.seconds)
    sizes = []
    for _ in range(10):
        sizes.append(pace.messages)
        trip(pace, clock, pace.messages / 1000, pace.messages)
    assert sizes[:4] == [MOST_MESSAGES, MOST_MESSAGES // 2, MOST_MESSAGES // 4, MOST_MESSAGES // 8]
    assert pace.messages == FEWEST_MESSAGES
    assert pace.messages / 1000 <= LONG_SECONDS * 1.5


def test_a_slow_round_trip_with_few_messages_does_not_reduce_the_size() -> None:
    """For example, the first round trip of a process is slow, because it also connects."""
    clock = FakeClock()
    pace = Pace(clock.seconds)
    trip(pace, clock, 1, FEWEST_MESSAGES)
    assert pace.messages == MOST_MESSAGES


def test_round_trips_grow_again_when_full_round_trips_are_quick() -> None:
    """A few messages that are stored quickly do not show how quick many messages are."""
    clock = FakeClock()
    pace = Pace(clock.seconds)
    for _ in range(10):
        trip(pace, clock, 1, pace.messages)
    for _ in range(10):
        trip(pace, clock, SHORT_SECONDS / 2, 1)
    assert pace.messages == FEWEST_MESSAGES
    for _ in range(10):
        trip(pace, clock, SHORT_SECONDS / 2, pace.messages)
    assert pace.messages == MOST_MESSAGES
