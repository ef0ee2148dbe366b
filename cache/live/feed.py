"""Follows a shop: reads stored messages and changes, and delivers live events.

It reads after each announcement, and every few seconds without an announcement. A lost announcement delays messages by
at most a few seconds.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from cache.errors import Unavailable
from cache.live.announcements import Announcements
from cache.live.live import read_live
from cache.live.timeline import Timeline
from cache.sealing import Sealer
from cache.server.failures import raise_if_cancelled
from domain.ids import ShopId
from domain.stream import Start, Stretch

READ_SECONDS: Final = 3.0
"""Time between two reads without an announcement."""
AGAIN_SECONDS: Final = 1.0
"""Time between two tries while Redis cannot be read."""
SUBSCRIBE_SECONDS: Final = 1.0
"""Longest time that a follower waits for its subscription. After this time it begins without the subscription."""

Deliver = Callable[[Stretch], float | None]
"""Takes a stretch, and returns the seconds to wait before the next stretch."""


class Feed:
    """Reads and follows shops."""

    def __init__(
        self,
        timeline: Timeline,
        announcements: Announcements,
        sealer: Sealer,
        *,
        sleep: Callable[[float], Awaitable[None]],
        read_seconds: float = READ_SECONDS,
        subscribe_seconds: float = SUBSCRIBE_SECONDS,
    ) -> None:
        self._timeline = timeline
        self._announcements = announcements
        self._sealer = sealer
        self._sleep = sleep
        self._read_seconds = read_seconds
        self._subscribe_seconds = subscribe_seconds

    async def start(self, shop: ShopId, /, *, event_id: str | None, since: int | None) -> Start:
        """Returns where a stream begins: after the event with this id. Without an id, it begins with the messages
        received at `since` (milliseconds) or later. Without both, it begins now.

        Raises:
            Unavailable: Redis is unavailable.
        """
        return await self._timeline.start(shop, event_id, since)

    async def read(self, shop: ShopId, after: int, /) -> Stretch:
        """Returns some of the events after a position, the oldest first.

        Raises:
            Unavailable: Redis is unavailable.
        """
        return await self._timeline.read(shop, after)

    def event_id(self, shop: ShopId, position: int, /) -> str:
        """Returns the event id of a position, which viewers get."""
        return self._timeline.event_id(shop, position)

    async def follow(self, shop: ShopId, after: int, deliver: Deliver, /) -> None:
        """Deliver each event after a position once, as soon as it comes, until cancelled.

        An empty stretch only moves the position. After the first stretch, live events come too. While Redis is
        unreachable, this waits. Then it continues from its position.
        """
        subscription = self._announcements.subscribe(shop)
        try:
            await subscription.confirmed(self._subscribe_seconds)
            while True:
                try:
                    stretch = await self._timeline.read(shop, after)
                except Unavailable:
                    # This error is not logged here, because a thousand followers would log it each second. The check of
                    # Redis logs it.
                    await self._sleep(AGAIN_SECONDS)
                    continue
                raise_if_cancelled()
                after = subscription.reached = stretch.position
                rest = deliver(stretch)
                if rest:
                    await self._sleep(rest)
                if not stretch.more:
                    await subscription.announced(self._read_seconds)
                if live := read_live(self._sealer, shop, subscription.take_live()):
                    deliver(Stretch(live, after))
        finally:
            self._announcements.unsubscribe(subscription)
