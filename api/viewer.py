"""One viewer of a stream: the events that wait to be sent, and why the stream ended."""

import asyncio
from typing import Any, Final, Literal

QUEUE: Final = 512
"""Limit: events that wait for one viewer. Its connection holds about 100 KiB before the first event waits here."""

End = Literal["left", "slow", "purge", "token_expired", "closing", "failed"]
"""Why a stream ended: the viewer closed it; the viewer did not read what was sent; the shop was purged; the token
ended; the service stops; an error of the service."""


class Viewer:
    """Sends events in the order in which they are pushed. Make it in the task that sends: `end` cancels a blocked send.

    Every event up to `position` has been pushed, every event up to `taken` has been taken by the sender. `quiet`:
    nothing was pushed since the last heartbeat. `behind`: the viewer must read the store by itself.
    """

    def __init__(self, position: int) -> None:
        self.position = self.taken = position
        self.ended: End | None = None
        self.quiet = False
        self.behind = True
        self._waiting: list[bytes] = []
        self._wake: asyncio.Future[None] | None = None
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
        self._waiting.append(chunk)
        if len(self._waiting) > QUEUE:
            self.end("slow")
        else:
            self._wake_sender()

    def rewind(self) -> None:
        """Drop what waits: some of it must not be sent any more. The viewer reads the store again from `taken`."""
        if self._waiting:
            self._waiting.clear()
            self.position = self.taken
            self.behind = True
            self._wake_sender()

    def end(self, why: End) -> None:
        """End the stream; the first reason counts. What waits is still sent, unless the send is blocked: then the
        viewer reads it from the store when it connects again.
        """
        if self.ended is not None:
            return
        self.ended = why
        if self.sending and self._sender is not None:
            self._sender.cancel()
        self._wake_sender()

    async def next(self) -> bytes | None:
        """All that waits, joined; None where the stream has ended or the viewer is behind."""
        while not self._waiting:
            if self.ended is not None or self.behind:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        chunk = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self.taken = self.position
        return chunk

    def _wake_sender(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
