"""One viewer of a stream: the events that wait to be sent, and why the stream ended."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from domain.stream import End

QUEUE: Final = 512
"""Limit: events that wait for one viewer. Its connection holds about 100 KiB before the first event waits here."""

QUEUE_BYTES: Final = 1024 * 1024
"""Limit: bytes of the events that wait for one viewer; one single event may have more. A text can be 120 KB of JSON."""

SENT_BYTES: Final = 256 * 1024
"""Limit: bytes of events that are joined to be sent together. Larger parts are not sent faster."""


class Viewer:
    """Sends events in the order in which they are pushed. Make it in the task that sends: `end` cancels a blocked send.

    `wake_soon` gets the viewer when something waits for its idle sender; it has to call `wake` soon.

    Every event up to `position` has been pushed, every event up to `taken` has been taken by the sender. `quiet`:
    nothing was pushed since the last heartbeat. `behind`: the viewer must read the store by itself.
    """

    def __init__(self, position: int, wake_soon: Callable[[Any], None]) -> None:
        self.position = self.taken = position
        self.ended: End | None = None
        self.quiet = False
        self.behind = True
        self._waiting: deque[tuple[bytes, int]] = deque()
        """What to send, each with the position that the viewer has when it is sent."""
        self._bytes = 0
        self._wake: asyncio.Future[None] | None = None
        self._wake_soon = wake_soon
        self._woken = False
        """Whether `wake` will be called soon."""
        self.sending = False
        """Set by the sender while it waits for the connection."""
        self._sender: asyncio.Task[Any] | None = asyncio.current_task()

    def push(self, chunk: bytes, position: int | None = None) -> None:
        """Add something to send; a stored event with its position."""
        if self.ended is not None or self.behind:
            return
        self.quiet = False
        if position is not None:
            self.position = position
        if len(self._waiting) >= QUEUE or (self._waiting and self._bytes + len(chunk) > QUEUE_BYTES):
            self.end("slow")
        else:
            self._waiting.append((chunk, self.position))
            self._bytes += len(chunk)
            if self._wake is not None and not self._woken:
                self._woken = True
                self._wake_soon(self)

    def rewind(self) -> None:
        """Drop what waits: some of it must not be sent any more. The viewer reads the store again from `taken`."""
        if self._waiting:
            self._drop()
            self.position = self.taken
            self.behind = True
            self.wake()

    def end(self, why: End) -> None:
        """End the stream; the first reason counts. What waits is still sent, unless the viewer is slow or the send is
        blocked: then the viewer reads it from the store when it connects again.
        """
        if self.ended is not None:
            return
        self.ended = why
        if why == "slow" or self.sending:
            self._drop()
        if self.sending and self._sender is not None:
            self._sender.cancel()
        self.wake()

    def wake(self) -> None:
        """Have the sender go on, if it waits for something to send."""
        self._woken = False
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next(self) -> bytes | None:
        """The next of what waits, up to SENT_BYTES joined; None where the stream has ended or the viewer is behind."""
        while not self._waiting:
            if self.ended is not None or self.behind:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        chunk, self.taken = self._waiting.popleft()
        chunks, size = [chunk], len(chunk)
        while self._waiting and size + len(self._waiting[0][0]) <= SENT_BYTES:
            chunk, self.taken = self._waiting.popleft()
            chunks.append(chunk)
            size += len(chunk)
        self._bytes -= size
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _drop(self) -> None:
        self._waiting.clear()
        self._bytes = 0
