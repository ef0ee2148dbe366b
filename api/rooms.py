"""Who watches which shop: one follower a shop, whatever the number of its viewers.

An event is read once, made bytes once, and pushed to everybody in the room. A viewer that is behind reads the store by
itself until it has caught up with its room.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final, Protocol

import orjson
import structlog

from api import sse
from api.phones import with_phone_numbers
from api.viewer import End, Viewer
from domain import limits
from domain.errors import Kind, PageInboxError
from domain.ids import ShopId
from domain.moment import rfc3339
from domain.stream import Start, Stretch

HEARTBEAT_SECONDS: Final = 15.0
"""What stands between us and a viewer mostly gives up on a silent connection after 30 s or more."""
READY_AGAIN_BEATS: Final = 240
"""An hour without an event: the viewer is told where the stream stands, so that its id does not grow too old."""
RETRY_MS: Final = 2_000
"""What a browser waits before it comes back."""

PACE_SECONDS: Final = 50e-6
"""What telling one viewer costs, most of it the system's. A room rests for as long as telling all of it takes: however
many watch one busy shop, a part of the processor is left for others, and what comes meanwhile goes out in one piece.
Of a thousand viewers at a hundred messages a second, 25 µs left nothing (p99 177 ms); with 50 µs it is 93 ms."""

_OF_MESSAGES: Final = frozenset({"message", "edited"})

log = structlog.get_logger()


class Feed(Protocol):
    """Where events come from."""

    async def start(self, shop: ShopId, /, *, event_id: str | None, since: int | None) -> Start:
        """Where a stream begins."""
        ...

    async def read(self, shop: ShopId, after: int, /) -> Stretch:
        """What comes next after a position, some of it."""
        ...

    async def follow(self, shop: ShopId, after: int, deliver: Callable[[Stretch], float | None], /) -> None:
        """Deliver what comes behind a position until cancelled; the first stretch says that it is heard live too.
        Between two it rests for as many seconds as `deliver` answers.
        """
        ...

    def event_id(self, shop: ShopId, position: int, /) -> str:
        """The id that viewers get for a position of this shop."""
        ...


class StreamMetrics(Protocol):
    """What is counted."""

    def viewers(self, viewers: int, /) -> None:
        """So many are connected."""
        ...

    def streamed(self, event: str, viewers: int, /) -> None:
        """An event is sent to so many."""
        ...

    def stream_ended(self, reason: str, /) -> None:
        """A stream has ended."""
        ...

    def stream_lag(self, seconds: float, /) -> None:
        """So long after it was stored an event is handed to the connection."""
        ...


class StreamsFull(PageInboxError):
    """The process has as many as it takes, or it stops."""

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self) -> None:
        super().__init__("streams_full", "No more streams can be opened here at present.", retry_after=2)


class Room:
    """The viewers of one shop. `position` is up to where everybody in it has been given everything."""

    def __init__(self, rooms: "Rooms", shop: ShopId, position: int) -> None:
        self.viewers: set[Viewer] = set()
        self.members = 0
        """Those who read the store by themselves included."""
        self.position = position
        self._rooms = rooms
        self._shop = shop
        self._live = False
        self._follower = asyncio.create_task(rooms.feed.follow(shop, position, self._deliver), name="stream of a shop")
        self._follower.add_done_callback(self._follower_ended)

    @property
    def dead(self) -> bool:
        """Whether nobody follows the shop for it any more."""
        return self._follower.done()

    def join(self, viewer: Viewer) -> bool:
        """Let it in where it has caught up; from then on it is given everything."""
        if self.dead:
            viewer.end("failed")
        if viewer.position < self.position:
            return False
        viewer.behind = False
        self.viewers.add(viewer)
        if self._live:
            self._tell_ready(viewer)
        return True

    def leave(self, viewer: Viewer) -> None:
        """It is behind, or gone."""
        self.viewers.discard(viewer)

    def close(self) -> None:
        """Stop following."""
        self._follower.cancel()

    def beat(self, again: bool) -> None:
        """Something small for those who have heard nothing for a while."""
        for viewer in list(self.viewers):
            if not viewer.quiet:
                viewer.quiet = True
            elif again:
                self._tell_ready(viewer)
            else:
                viewer.push(sse.HEARTBEAT)
                viewer.quiet = True

    def _follower_ended(self, follower: "asyncio.Task[None]") -> None:
        if not follower.cancelled() and (error := follower.exception()) is not None:
            log.error("stream_failed", exc_info=error)
            for viewer in list(self.viewers):
                viewer.end("failed")

    def _tell_ready(self, viewer: Viewer) -> None:
        viewer.push(self._rooms.ready(self._shop, max(self.position, viewer.position)))

    def _deliver(self, stretch: Stretch) -> float:
        if any(event.name == "purge" for event in stretch.events):
            for viewer in list(self.viewers):
                viewer.rewind()
                if viewer.behind:
                    self.viewers.discard(viewer)
        for event in stretch.events:
            chunk = self._rooms.encode(self._shop, event.name, event.data, event.position)
            told = [one for one in self.viewers if event.position is None or one.position < event.position]
            for viewer in told:
                viewer.push(chunk, event.position)
                if event.ends:
                    viewer.end("purge")
            self._rooms.metrics.streamed(event.name, len(told))
        self.position = stretch.position
        if not self._live:
            self._live = True
            for viewer in list(self.viewers):
                self._tell_ready(viewer)
        return len(self.viewers) * PACE_SECONDS


class Rooms:
    """The rooms of one process. `now` is Unix seconds."""

    def __init__(
        self,
        feed: Feed,
        metrics: StreamMetrics,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.feed = feed
        self.metrics = metrics
        self._now = now
        self._sleep = sleep
        self._rooms: dict[ShopId, Room] = {}
        self._everybody: set[Viewer] = set()
        self._closing = False

    def refuse_when_full(self, shop: ShopId) -> None:
        """Raises RateReached, StreamsFull."""
        if self._closing or len(self._everybody) >= limits.VIEWERS:
            raise StreamsFull
        room = self._rooms.get(shop)
        if room is not None and room.members >= limits.VIEWERS_OF_A_SHOP:
            sentence = "This shop has too many open streams; close some."
            raise limits.RateReached("too_many_viewers", sentence, retry_after=5)

    def enter(self, shop: ShopId, start: Start) -> tuple[Room, Viewer]:
        """The shop's room, and a viewer at its door. For the task that sends to it."""
        room = self._rooms.get(shop)
        if room is None or room.dead:
            room = self._rooms[shop] = Room(self, shop, start.now)
        viewer = Viewer(start.position)
        if self._closing:
            viewer.end("closing")
        room.members += 1
        self._everybody.add(viewer)
        self.metrics.viewers(len(self._everybody))
        return room, viewer

    def exit(self, shop: ShopId, room: Room, viewer: Viewer) -> None:
        """It has ended; the last one closes the room."""
        room.leave(viewer)
        room.members -= 1
        self._everybody.discard(viewer)
        self.metrics.viewers(len(self._everybody))
        self.metrics.stream_ended(viewer.ended or "left")
        if room.members == 0:
            room.close()
            if self._rooms.get(shop) is room:
                del self._rooms[shop]

    def position(self, shop: ShopId) -> int | None:
        """Up to where a shop's viewers have been given everything, where it has any."""
        room = self._rooms.get(shop)
        return None if room is None else room.position

    def encode(self, shop: ShopId, name: str, data: bytes, position: int | None) -> bytes:
        """An event as bytes; a message in it as the API answers it."""
        if name in _OF_MESSAGES:
            data = with_phone_numbers(data)
        return sse.encode(name, data, None if position is None else self.feed.event_id(shop, position))

    def ready(self, shop: ShopId, position: int) -> bytes:
        """Says that everything up to a position is sent, and that from now on it comes as it happens."""
        told = orjson.dumps({"at": rfc3339(round(self._now() * 1000))})
        return sse.encode("ready", told, self.feed.event_id(shop, position), RETRY_MS)

    def sent(self, position: int) -> None:
        """What stands at a position was handed to a connection just now."""
        self.metrics.stream_lag(max(0.0, self._now() - position / 1_000_000))

    async def beat(self) -> None:
        """Heartbeats, until cancelled."""
        beats = 0
        while True:
            await self._sleep(HEARTBEAT_SECONDS)
            beats += 1
            for room in list(self._rooms.values()):
                room.beat(again=beats % READY_AGAIN_BEATS == 0)

    def end_all(self, why: End) -> None:
        """End every stream, and let nobody in any more."""
        self._closing = True
        for viewer in list(self._everybody):
            viewer.end(why)

    async def close(self) -> None:
        """Stop following."""
        self.end_all("closing")
        for room in list(self._rooms.values()):
            room.close()
