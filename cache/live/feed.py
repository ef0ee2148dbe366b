"""Following a shop: what is stored is read, what is announced live is passed on.

The store is read when something is announced, and every few seconds without an announcement: one that was lost delays
what it announced by a few seconds at most.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from cache.errors import Unavailable
from cache.live.announcements import Announcements
from cache.live.live import read_live
from cache.live.timeline import Timeline
from cache.sealing import Sealer
from cache.server.connection import heed_cancellation
from domain.ids import ShopId
from domain.stream import Start, Stretch

READ_SECONDS: Final = 3.0
"""Between two reads where nothing is announced."""
AGAIN_SECONDS: Final = 1.0
"""Between two tries where the store cannot be read."""
SUBSCRIBE_SECONDS: Final = 1.0
"""What a follower waits for its subscription before it begins without."""

Deliver = Callable[[Stretch], float | None]
"""Takes a stretch; for how many seconds it wants no other."""


class Feed:
    """Reads and follows shops."""

    def __init__(
        self,
        timeline: Timeline,
        announcements: Announcements,
        sealer: Sealer,
        *,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._timeline = timeline
        self._announcements = announcements
        self._sealer = sealer
        self._sleep = sleep

    async def start(self, shop: ShopId, /, *, event_id: str | None, since: int | None) -> Start:
        """Where a stream begins: behind the event of an id, else with what was received at `since` (milliseconds) or
        later, else now.

        Raises:
            Unavailable: Redis is not there.
        """
        return await self._timeline.start(shop, event_id, since)

    async def read(self, shop: ShopId, after: int, /) -> Stretch:
        """What comes next after a position, some of it.

        Raises:
            Unavailable: Redis is not there.
        """
        return await self._timeline.read(shop, after)

    def event_id(self, shop: ShopId, position: int, /) -> str:
        """A position as viewers know it."""
        return self._timeline.event_id(shop, position)

    async def follow(self, shop: ShopId, after: int, deliver: Deliver, /) -> None:
        """Deliver everything behind a position as it comes, until cancelled; nothing twice. An empty stretch moves the
        position on, and the first one says that live events come too from now on. Where Redis is lost, it waits, and
        goes on where it was.
        """
        subscription = self._announcements.subscribe(shop)
        try:
            await subscription.confirmed(SUBSCRIBE_SECONDS)
            while True:
                try:
                    stretch = await self._timeline.read(shop, after)
                except Unavailable:
                    # Not logged: a thousand followers would log it each second, and the check of Redis does.
                    await self._sleep(AGAIN_SECONDS)
                    continue
                heed_cancellation()
                after = subscription.reached = stretch.position
                rest = deliver(stretch)
                if rest:
                    await self._sleep(rest)
                if not stretch.more:
                    await subscription.announced(READ_SECONDS)
                if live := read_live(self._sealer, shop, subscription.take_live()):
                    deliver(Stretch(live, after))
        finally:
            self._announcements.unsubscribe(subscription)
