"""One viewer of a stream: what waits to be sent to it, and why it ended."""

import asyncio
from typing import Any, Final, Literal

QUEUE: Final = 512
"""Events that wait for one viewer. Its connection holds some hundred KiB before the first has to wait here."""

End = Literal["left", "slow", "purge", "token_expired", "closing", "failed"]
"""Why a stream ended: the viewer went away; it did not take what was sent; everything was purged; its token is over;
the service stops; something went wrong on our side."""


class Viewer:
    """What is pushed is taken in order. Made in the task that sends, which `end` cancels where it is stuck.

    `position` is up to where everything has been pushed, `taken` up to where it has been taken. `quiet` says that
    nothing was pushed since the last heartbeat, `behind` that it must read the store by itself.
    """

    def __init__(self, position: int) -> None:
        self.position = self.taken = position
        self.ended: End | None = None
        self.quiet = False
        self.behind = True
        self._waiting: list[bytes] = []
        self._wake: asyncio.Future[None] | None = None
        self.sending = False
        """Set by the sender while it waits for what it sends to be taken."""
        self._sender: asyncio.Task[Any] | None = asyncio.current_task()

    def push(self, chunk: bytes, position: int | None = None) -> None:
        """Give it something to send; what is stored, with its position."""
        if self.ended is not None or self.behind:
            return
        self.quiet = False
        if position is not None:
            self.position = position
        self._waiting.append(chunk)
        if len(self._waiting) > QUEUE:
            self.end("slow")
        else:
            self._rouse()

    def rewind(self) -> None:
        """Throw away what waits: some of it must not be sent any more. It reads the store from where it has got to."""
        if self._waiting:
            self._waiting.clear()
            self.position = self.taken
            self.behind = True
            self._rouse()

    def end(self, why: End) -> None:
        """End it; the first reason stands. What waits is still sent, unless the sender is stuck: then nobody takes it,
        and the viewer reads it when it comes back.
        """
        if self.ended is not None:
            return
        self.ended = why
        if self.sending and self._sender is not None:
            self._sender.cancel()
        self._rouse()

    async def next(self) -> bytes | None:
        """All that waits, as one; None where it has ended or is behind."""
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

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
