"""The live stream of a shop: `GET stream`, and `POST stream-ticket` for callers that cannot send a token in a header.

A stream begins after the event in `Last-Event-ID`, or now. It sends the stored events from there on, then each event as
it happens. Each stored event has an id. When a stream ends, the viewer connects again with its last id. So the viewer
misses no event, and gets no event twice.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import sse
from api.call import AuthorizedCall, answer
from api.fan_out import FanOut, ShopViewers
from api.models import TicketModel
from api.params import StreamQuery
from api.viewer import Viewer
from domain.errors import PageInboxError
from domain.ids import ShopId
from domain.shop import Principal
from domain.stream import Start

AGAIN_SECONDS: Final = 1.0
"""If the store cannot be read, a viewer that is behind tries again after this number of seconds."""

LAST_SECONDS: Final = 5.0
"""Seconds in which a blocked viewer can read the rest after its stream has ended. When the service stops, it waits no
longer than this for a viewer.
"""

_LONGEST: Final = 7 * 24 * 60 * 60.0
"""The longest time of a stream in seconds, also for a longer token, because timers have a limit."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    # Without this header nginx buffers the events.
    "X-Accel-Buffering": "no",
}


class TicketGiver(Protocol):
    """Gives tickets. Each ticket opens one stream."""

    async def give(self, shop: ShopId, principal: Principal, /) -> str:
        """Returns a ticket with the rights of this principal's token. The stream ends no later than the token."""
        ...


class Stream:
    """The handlers. `now` is Unix seconds."""

    def __init__(self, fan_out: FanOut, tickets: TicketGiver, *, now: Callable[[], float]) -> None:
        self._fan_out = fan_out
        self._tickets = tickets
        self._now = now

    async def ticket(self, call: AuthorizedCall) -> Response:
        """POST stream-ticket"""
        return answer(TicketModel(ticket=await self._tickets.give(call.shop, call.principal)))

    async def stream(self, call: AuthorizedCall) -> Response:
        """GET stream"""
        query = call.query_as(StreamQuery)
        self._fan_out.refuse_when_full(call.shop)
        event_id = call.request.headers.get("last-event-id") or query.last_event_id
        start = await self._fan_out.feed.start(call.shop, event_id=event_id, since=query.since)
        if call.request.method == "HEAD":
            return Response(headers=_HEADERS, media_type=sse.MEDIA)
        return _EventStream(self._fan_out, call, start, call.principal.expires_at - self._now())


class _EventStream(Response):
    """One open stream. It may last for at most `seconds`."""

    def __init__(self, fan_out: FanOut, call: AuthorizedCall, start: Start, seconds: float) -> None:
        super().__init__(headers=_HEADERS, media_type=sse.MEDIA)
        # The length of a stream is not known.
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._fan_out = fan_out
        self._shop = call.shop
        self._start = start
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends."""
        group, viewer = self._fan_out.enter(self._shop, self._start)
        expiry = asyncio.get_running_loop().call_later(min(self._seconds, _LONGEST), viewer.end, "token_expired")
        disconnect = asyncio.create_task(_until_disconnect(receive), name="a viewer leaves")
        disconnect.add_done_callback(lambda _: viewer.end("left"))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                await self._serve(group, viewer, send)
            except asyncio.CancelledError:
                if viewer.ended is None or _uncancel() > 0:
                    raise
            if viewer.ended != "left":
                # If a viewer that did not read continues to read, it gets the reason and the end of the answer.
                with suppress(TimeoutError):
                    async with asyncio.timeout(LAST_SECONDS):
                        data = self._fan_out.events.end(viewer.ended or "failed")
                        await send({"type": "http.response.body", "body": data, "more_body": False})
        finally:
            expiry.cancel()
            disconnect.cancel()
            self._fan_out.exit(self._shop, group, viewer)

    async def _serve(self, group: ShopViewers, viewer: Viewer, send: Send) -> None:
        if self._start.gap is not None:
            await _send(viewer, send, self._fan_out.events.gap(self._shop, self._start.gap, self._start.position))
        while viewer.ended is None:
            if viewer.behind:
                group.leave(viewer)
                await self._catch_up(group, viewer, send)
            before = viewer.taken
            while (chunk := await viewer.next()) is not None:
                await _send(viewer, send, chunk)
                if viewer.taken > before:
                    before = viewer.taken
                    self._fan_out.sent(before)

    async def _catch_up(self, group: ShopViewers, viewer: Viewer, send: Send) -> None:
        """Read the store until this viewer has the same events as the other viewers of the shop."""
        while viewer.ended is None and not group.join(viewer):
            try:
                stretch = await self._fan_out.feed.read(self._shop, viewer.position)
            except PageInboxError as error:
                if error.kind != "unavailable":
                    raise
                await _send(viewer, send, sse.HEARTBEAT)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            for event in stretch.events:
                self._fan_out.metrics.streamed(event.name, 1)
            if stretch.events:
                chunks = []
                for event in stretch.events:
                    if self._fan_out.turns.over():
                        await self._fan_out.turns.turn(self._shop)
                    chunks.append(self._fan_out.events.of(self._shop, event))
                await _send(viewer, send, b"".join(chunks))
            viewer.position = viewer.taken = stretch.position
            if any(event.ends for event in stretch.events):
                viewer.end("purge")


async def _send(viewer: Viewer, send: Send, chunk: bytes) -> None:
    viewer.sending = True
    await send({"type": "http.response.body", "body": chunk, "more_body": True})
    viewer.sending = False


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _uncancel() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.uncancel()
