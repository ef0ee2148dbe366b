"""Sends a shop's events to the viewers of its stream.

One follower reads the events of a shop for all its viewers. An event is read once, encoded once, and pushed
to each viewer. A viewer that is behind reads the store by itself until it has the same events as the others.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final, Protocol

import structlog

from api import sse
from api.stream_events import StreamEvents
from api.viewer import Viewer
from domain import limits
from domain.errors import Kind, PageInboxError
from domain.ids import ShopId
from domain.stream import End, Start, Stretch
from domain.turn import Turns

HEARTBEAT_SECONDS: Final = 15.0
"""Proxies usually close a connection on which nothing is sent for 30 s or more."""
READY_AGAIN_BEATS: Final = 240
"""Heartbeats (one hour) without an event, after which a viewer gets a new id, before its present id becomes too old."""

PACE_SECONDS: Final = 50e-6
"""Seconds of processor time to send to one viewer. Most of this time is spent in the operating system. After each batch
of events the follower waits for this time per viewer. So a busy shop with many viewers leaves time for other shops, and
its next events are sent together. With a thousand viewers and a hundred messages per second, the measured delay (p99)
is 177 ms for a wait of 25 µs, and 93 ms for 50 µs.
"""

WOKEN_EACH_TURN: Final = 8
"""Viewers that send in one turn of their shop. Such a turn takes about 0.4 ms."""

log = structlog.get_logger()


class ViewerTurns(Turns, Protocol):
    """Also gives turns to work that is not a coroutine."""

    def call(self, shop: ShopId, run: Callable[[], None], /) -> None:
        """Call `run` when the next piece of this shop's work may run."""
        ...


class Feed(Protocol):
    """The source of events."""

    async def start(self, shop: ShopId, /, *, event_id: str | None, since: int | None) -> Start:
        """Returns where a stream begins."""
        ...

    async def read(self, shop: ShopId, after: int, /) -> Stretch:
        """Returns some of the events after a position."""
        ...

    async def follow(self, shop: ShopId, after: int, deliver: Callable[[Stretch], float | None], /) -> None:
        """Call `deliver` with the events after a position, until cancelled. After the first call, live events come too.
        Between two calls, wait for the seconds that `deliver` returns.
        """
        ...

    def event_id(self, shop: ShopId, position: int, /) -> str:
        """Returns the id that viewers get for a position of this shop."""
        ...


class StreamMetrics(Protocol):
    """Counts viewers and events."""

    def viewers(self, viewers: int, /) -> None:
        """Record how many viewers are connected."""
        ...

    def streamed(self, event: str, viewers: int, /) -> None:
        """Count an event that is sent to this number of viewers."""
        ...

    def stream_ended(self, reason: str, /) -> None:
        """Count a stream that has ended."""
        ...

    def stream_lag(self, seconds: float, /) -> None:
        """Record the seconds from storing an event to passing it to a connection."""
        ...


class StreamsFull(PageInboxError):
    """The process has the maximum number of viewers, or it is stopping."""

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self) -> None:
        super().__init__("streams_full", "No more streams can be opened here at present.", retry_after=2)


class ShopViewers:
    """The viewers of one shop. Every viewer that is not behind has every event up to `position`."""

    def __init__(self, fan_out: "FanOut", shop: ShopId, position: int) -> None:
        self.viewers: set[Viewer] = set()
        self.members = 0
        """The number of viewers, including those that are behind."""
        self.position = position
        self._fan_out = fan_out
        self._shop = shop
        self._live = False
        self._to_wake: deque[Viewer] = deque()
        self._follower = asyncio.create_task(
            fan_out.feed.follow(shop, position, self._deliver), name="stream of a shop"
        )
        self._follower.add_done_callback(self._follower_ended)

    @property
    def dead(self) -> bool:
        """Returns whether the shop's follower has ended."""
        return self._follower.done()

    def join(self, viewer: Viewer) -> bool:
        """Push all further events to this viewer. Returns False if the viewer is behind."""
        if self.dead:
            viewer.end("failed")
        if viewer.position < self.position:
            return False
        viewer.behind = False
        self.viewers.add(viewer)
        if self._live:
            self._push_ready(viewer)
        return True

    def leave(self, viewer: Viewer) -> None:
        """Push no further events to this viewer."""
        self.viewers.discard(viewer)

    def wake_soon(self, viewer: Viewer) -> None:
        """Make a viewer send its waiting events in one of the shop's next turns. A few viewers send in each turn."""
        if not self._to_wake:
            self._fan_out.turns.call(self._shop, self._wake_some)
        self._to_wake.append(viewer)

    def close(self) -> None:
        """End the follower."""
        self._follower.cancel()

    def beat(self, again: bool) -> None:
        """Send a heartbeat to each viewer that got nothing since the last heartbeat. With `again`, send `ready`
        instead.
        """
        for viewer in list(self.viewers):
            if not viewer.quiet:
                viewer.quiet = True
            elif again:
                self._push_ready(viewer)
            else:
                viewer.push(sse.HEARTBEAT)
                viewer.quiet = True

    def _wake_some(self) -> None:
        for _ in range(min(WOKEN_EACH_TURN, len(self._to_wake))):
            self._to_wake.popleft().wake()
        if self._to_wake:
            self._fan_out.turns.call(self._shop, self._wake_some)

    def _follower_ended(self, follower: "asyncio.Task[None]") -> None:
        if not follower.cancelled() and (error := follower.exception()) is not None:
            log.error("stream_failed", exc_info=error)
            for viewer in list(self.viewers):
                viewer.end("failed")

    def _push_ready(self, viewer: Viewer) -> None:
        viewer.push(self._fan_out.events.ready(self._shop, max(self.position, viewer.position)))

    def _deliver(self, stretch: Stretch) -> float:
        if any(event.name == "purge" for event in stretch.events):
            for viewer in list(self.viewers):
                viewer.rewind()
                if viewer.behind:
                    self.viewers.discard(viewer)
        for event in stretch.events:
            chunk = self._fan_out.events.of(self._shop, event)
            receivers = [one for one in self.viewers if event.position is None or one.position < event.position]
            for viewer in receivers:
                viewer.push(chunk, event.position)
                if event.ends:
                    viewer.end("purge")
            self._fan_out.metrics.streamed(event.name, len(receivers))
        self.position = stretch.position
        if not self._live:
            self._live = True
            for viewer in list(self.viewers):
                self._push_ready(viewer)
        return len(self.viewers) * PACE_SECONDS


class FanOut:
    """The viewers of all shops in one process. `now` is Unix seconds."""

    def __init__(
        self,
        feed: Feed,
        metrics: StreamMetrics,
        turns: ViewerTurns,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.feed = feed
        self.events = StreamEvents(feed.event_id, now)
        self.metrics = metrics
        self.turns = turns
        self._now = now
        self._sleep = sleep
        self._shops: dict[ShopId, ShopViewers] = {}
        self._viewers: set[Viewer] = set()
        self._closing = False

    def refuse_when_full(self, shop: ShopId) -> None:
        """Raises RateReached or StreamsFull if there is no room for another viewer."""
        if self._closing or len(self._viewers) >= limits.VIEWERS:
            raise StreamsFull
        viewers = self._shops.get(shop)
        if viewers is not None and viewers.members >= limits.VIEWERS_OF_A_SHOP:
            sentence = "This shop has too many open streams; close some."
            raise limits.RateReached("too_many_viewers", sentence, retry_after=5)

    def enter(self, shop: ShopId, start: Start) -> tuple[ShopViewers, Viewer]:
        """Returns a new viewer of the shop, which is still behind. Call this in the task that sends to the viewer."""
        viewers = self._shops.get(shop)
        if viewers is None or viewers.dead:
            viewers = self._shops[shop] = ShopViewers(self, shop, start.now)
        viewer = Viewer(start.position, viewers.wake_soon)
        if self._closing:
            viewer.end("closing")
        viewers.members += 1
        self._viewers.add(viewer)
        self.metrics.viewers(len(self._viewers))
        return viewers, viewer

    def exit(self, shop: ShopId, viewers: ShopViewers, viewer: Viewer) -> None:
        """Remove a viewer whose stream has ended. With the last viewer of a shop, its follower ends."""
        viewers.leave(viewer)
        viewers.members -= 1
        self._viewers.discard(viewer)
        self.metrics.viewers(len(self._viewers))
        self.metrics.stream_ended(viewer.ended or "left")
        if viewers.members == 0:
            viewers.close()
            if self._shops.get(shop) is viewers:
                del self._shops[shop]

    def sent(self, position: int) -> None:
        """Measure the time since the event at this position was stored."""
        self.metrics.stream_lag(max(0.0, self._now() - position / 1_000_000))

    async def beat(self) -> None:
        """Send heartbeats until cancelled."""
        beats = 0
        while True:
            await self._sleep(HEARTBEAT_SECONDS)
            beats += 1
            for viewers in list(self._shops.values()):
                viewers.beat(again=beats % READY_AGAIN_BEATS == 0)

    def end_all(self, why: End) -> None:
        """End every stream. No further stream begins."""
        self._closing = True
        for viewer in list(self._viewers):
            viewer.end(why)

    async def close(self) -> None:
        """End every stream and every follower."""
        self.end_all("closing")
        for viewers in list(self._shops.values()):
            viewers.close()
