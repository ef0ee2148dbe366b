"""Announcements that wait for a slow follower have a limit in number and in bytes."""

from cache.live.announcements import LIVE, LIVE_BYTES, LIVE_WAITING, ShopSubscription


def test_announcements_that_wait_are_bounded_in_bytes() -> None:
    """The newest announcements stay. A single announcement stays, however long it is."""
    subscription = ShopSubscription(b"channel")
    for number in range(40):
        subscription.receive(LIVE + b"%d" % (number % 10) * 100_000)
    taken = subscription.take_live()
    assert sum(map(len, taken)) <= LIVE_BYTES
    assert taken[-1] == b"9" * 100_000
    assert len(taken) == 10
    subscription.receive(LIVE + b"x" * 2 * LIVE_BYTES)
    assert len(subscription.take_live()) == 1
    subscription.receive(LIVE + b"x")
    assert subscription.take_live() == [b"x"]


def test_announcements_that_wait_are_bounded_in_number() -> None:
    """The oldest announcements are dropped."""
    subscription = ShopSubscription(b"channel")
    for number in range(LIVE_WAITING + 10):
        subscription.receive(LIVE + b"%d" % number)
    assert subscription.take_live()[0] == b"10"
