"""Where calls wait until a test, in another thread or loop, lets them go on."""

import asyncio
import threading


class Barrier:
    """Something is held up until somebody opens it; once open it stays so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        """Let everyone pass; from any thread."""
        with self._lock:
            self._opened = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    @property
    def waiting(self) -> int:
        """How many are held up now."""
        return len(self._waiting)

    async def passed(self) -> None:
        """Return once it is open."""
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
