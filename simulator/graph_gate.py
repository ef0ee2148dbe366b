"""Calls wait here until a test, in another thread or event loop, releases them."""

import asyncio
import threading


class Barrier:
    """Holds calls until `open` is called. After the first `open` it lets every call pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        """Release all calls. Any thread can call this."""
        with self._lock:
            self._opened = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    @property
    def waiting(self) -> int:
        """Returns the number of calls that wait now."""
        return len(self._waiting)

    async def passed(self) -> None:
        """Return when the barrier is open."""
        mine = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self._opened:
                return
            self._waiting.append(mine)
        try:
            await mine[1].wait()
        finally:
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
