"""One viewer of a stream: the events that wait to be sent, and why the stream ended."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from domain.stream import End

QUEUE: Final = 512
"""Limit: events that wait for one viewer. Its connection holds about 100 KiB before the first event waits here."""

QUEUE_BYTES: Final = 1024 * 1024
"""Limit: bytes of the events that wait for one viewer. A single event may have more if no other event waits. A text can
be 120 KB of JSON.
"""

SENT_BYTES: Final = 256 * 1024
"""Limit: bytes of events that are joined to be sent together. Larger parts are not sent faster."""


class Viewer:
    """Sends events in the order in which they are pushed. Create it in the task that sends: `end` cancels a blocked
    send.

    `wake_soon` gets the viewer when an event waits and the sender is idle. It must call `wake` soon.

    Every event up to `position` has been pushed. The sender has taken every event up to `taken`. `quiet`: nothing was
    pushed since the last heartbeat. `behind`: the viewer must read the store by itself.
    """

    def __init__(self, position: int, wake_soon: Callable[[Any], None]) -> None:
        self.position = self.taken = position
        self.ended: End | None = None
        self.quiet = False
        self.behind = True
        self._waiting: deque[tuple[bytes, int]] = deque()
        """The bytes to send, each with the viewer's position after they are sent."""
        self._bytes = 0
        self._wake: asyncio.Future[None] | None = None
        self._wake_soon = wake_soon
        self._woken = False
        """Whether `wake` will be called soon."""
        self.sending = False
        """Set by the sender while it waits for the connection."""
        self._sender: asyncio.Task[Any] | None = asyncio.current_task()

    def push(self, chunk: bytes, position: int | None = None) -> None:
        """Add something to send. A stored event has its position."""
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
        """Drop the waiting events, because some of them must not be sent any more. The viewer reads the store again
        from `taken`.
        """
        if self._waiting:
            self._drop()
            self.position = self.taken
            self.behind = True
            self.wake()

    def end(self, why: End) -> None:
        """End the stream. The first reason counts. Waiting events are still sent, unless the viewer is slow or its
        connection takes no bytes. In these two cases the viewer gets the events from the store when it connects again.
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
        """Make the sender continue, if it waits for something to send."""
        self._woken = False
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next(self) -> bytes | None:
        """Returns the next waiting bytes, joined up to SENT_BYTES; None if the stream has ended or the viewer is
        behind.
        """
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
