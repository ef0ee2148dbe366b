"""The live stream of a shop: `GET stream`, and `POST stream-ticket` for who cannot send a token in a header.

A stream begins where the viewer left it (`Last-Event-ID`), or now; it sends what the store has behind that, then goes
on as things happen. Each event that is kept bears an id. Whatever ends it, the viewer comes back with the last id it
has seen, and misses nothing and gets nothing twice.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import sse
from api.call import Call, answer, call_of
from api.models import TicketModel
from api.params import StreamQuery
from api.rooms import Room, Rooms
from api.viewer import Viewer
from domain.errors import PageInboxError
from domain.ids import ShopId
from domain.shop import Principal
from domain.stream import Start

AGAIN_SECONDS: Final = 1.0
"""Between two tries of a viewer that is behind while the store cannot be read."""

LAST_SECONDS: Final = 5.0
"""What a viewer that is stuck gets to read the rest, once its stream has ended; our own end waits no longer."""

_LONGEST: Final = 7 * 24 * 60 * 60.0
"""Seconds that a stream may last whatever its token says: a timer cannot be set for any distance."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    # Nginx keeps back what it takes for slow otherwise.
    "X-Accel-Buffering": "no",
}


class TicketGiver(Protocol):
    """Gives tickets, good for one stream each."""

    async def give(self, shop: ShopId, principal: Principal, /) -> str:
        """A ticket for a stream of this shop, in the name of the bearer and no longer than his token."""
        ...


class Stream:
    """The handlers. `now` is Unix seconds."""

    def __init__(self, rooms: Rooms, tickets: TicketGiver, *, now: Callable[[], float]) -> None:
        self._rooms = rooms
        self._tickets = tickets
        self._now = now

    async def ticket(self, request: Request) -> Response:
        """POST stream-ticket"""
        call = call_of(request)
        return answer(TicketModel(ticket=await self._tickets.give(call.shop, call.principal)))

    async def stream(self, request: Request) -> Response:
        """GET stream"""
        call = call_of(request)
        query = call.asked(StreamQuery)
        self._rooms.refuse_when_full(call.shop)
        event_id = request.headers.get("last-event-id") or query.last_event_id
        here = self._rooms.position(call.shop)
        if event_id is None and query.since is None and here is not None:
            start = Start(here, here)
        else:
            start = await self._rooms.feed.start(call.shop, event_id=event_id, since=query.since)
        if request.method == "HEAD":
            return Response(headers=_HEADERS, media_type=sse.MEDIA)
        return _EventStream(self._rooms, call, start, call.principal.expires_at - self._now())


class _EventStream(Response):
    """One open stream. `seconds` is how long it may last."""

    def __init__(self, rooms: Rooms, call: Call, start: Start, seconds: float) -> None:
        super().__init__(headers=_HEADERS, media_type=sse.MEDIA)
        # Its length is not known.
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._rooms = rooms
        self._shop = call.shop
        self._start = start
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it ends."""
        room, viewer = self._rooms.enter(self._shop, self._start)
        expiry = asyncio.get_running_loop().call_later(min(self._seconds, _LONGEST), viewer.end, "token_expired")
        gone = asyncio.create_task(_gone(receive), name="a viewer leaves")
        gone.add_done_callback(lambda _: viewer.end("left"))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                await self._serve(room, viewer, send)
            except asyncio.CancelledError:
                if viewer.ended is None or _uncancel() > 0:
                    raise
            if viewer.ended != "left":
                # One that is stuck may read on after all, and then it sees why and that this is the end.
                with suppress(TimeoutError):
                    async with asyncio.timeout(LAST_SECONDS):
                        told = sse.encode("end", orjson.dumps({"reason": viewer.ended}))
                        await send({"type": "http.response.body", "body": told, "more_body": False})
        finally:
            expiry.cancel()
            gone.cancel()
            self._rooms.exit(self._shop, room, viewer)

    async def _serve(self, room: Room, viewer: Viewer, send: Send) -> None:
        if self._start.gap is not None:
            told = orjson.dumps({"reason": self._start.gap})
            await _send(viewer, send, self._rooms.encode(self._shop, "gap", told, self._start.position))
        while viewer.ended is None:
            if viewer.behind:
                room.leave(viewer)
                await self._catch_up(room, viewer, send)
            before = viewer.taken
            while (chunk := await viewer.next()) is not None:
                await _send(viewer, send, chunk)
                if viewer.taken > before:
                    before = viewer.taken
                    self._rooms.sent(before)

    async def _catch_up(self, room: Room, viewer: Viewer, send: Send) -> None:
        """Read the store by itself until it has what everybody in the room has."""
        while viewer.ended is None and not room.join(viewer):
            try:
                stretch = await self._rooms.feed.read(self._shop, viewer.position)
            except PageInboxError as error:
                if not error.transient:
                    raise
                await _send(viewer, send, sse.HEARTBEAT)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            for event in stretch.events:
                self._rooms.metrics.streamed(event.name, 1)
            if stretch.events:
                chunk = b"".join(
                    self._rooms.encode(self._shop, one.name, one.data, one.position) for one in stretch.events
                )
                await _send(viewer, send, chunk)
            viewer.position = viewer.taken = stretch.position
            if any(event.ends for event in stretch.events):
                viewer.end("purge")


async def _send(viewer: Viewer, send: Send, chunk: bytes) -> None:
    viewer.sending = True
    await send({"type": "http.response.body", "body": chunk, "more_body": True})
    viewer.sending = False


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _uncancel() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.uncancel()
