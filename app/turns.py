"""Which worker takes the next connection: the one that holds the fewest.

All workers are woken by a connection that waits, and left to themselves the same one would win nearly every time: of 64
connections that an idle service was offered at once, one worker took 64. As Facebook keeps its connections open, that
worker would have all the work from then on. So whoever holds more than another waits two milliseconds for it to come,
and then takes a few connections whether or not it came: a worker that hangs costs the others as long and no more.
"""

import asyncio
import mmap
import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any, Final, Self

import structlog

TURN_SECONDS: Final = 0.002
"""What another worker gets to come in. One that waits in its event loop comes in a twentieth of it."""
AT_ONCE: Final = 4
"""Taken in one turn of the event loop, while there are any: turns are long when much is to be done (app/server.py)."""
FULL_SECONDS: Final = 1.0
"""Between two tries while the system gives no more open files; the connections wait meanwhile."""

_ABSENT: Final = 2**62
"""Held by a worker that takes none: nobody waits for it."""
_BYTES: Final = 8

log = structlog.get_logger()


class Turns:
    """How many connections each worker holds, in memory that all of them share; `file` is the open file it lies in.

    A number is written by its own worker alone, in one store of the processor; whoever reads one that is old by now
    waits, or does not wait, two milliseconds wrongly.
    """

    def __init__(self, file: int, count: int) -> None:
        self.file = file
        self.count = count
        self._held = memoryview(mmap.mmap(file, count * _BYTES)).cast("q")

    @classmethod
    def create(cls, count: int) -> Self:
        """For workers 1 to `count`, none of which is there yet."""
        if hasattr(os, "memfd_create"):
            file = os.memfd_create("turns")
        else:
            with tempfile.TemporaryFile() as nameless:
                file = os.dup(nameless.fileno())
        os.truncate(file, count * _BYTES)
        made = cls(file, count)
        for number in range(1, count + 1):
            made.absent(number)
        return made

    def holds(self, number: int, connections: int) -> None:
        """A worker holds so many."""
        self._held[number - 1] = connections

    def absent(self, number: int) -> None:
        """It takes none."""
        self._held[number - 1] = _ABSENT

    def ahead(self, number: int) -> bool:
        """Whether it holds more than another."""
        return self._held[number - 1] > min(self._held)


class Taker:
    """Takes connections for one worker. Stands for a server of asyncio, which uvicorn closes and waits for.

    `connections` tells how many it holds now; each new one is given a protocol of its own, one of uvicorn's.
    """

    def __init__(
        self,
        listening: socket.socket,
        new_protocol: Callable[[], Any],
        connections: Callable[[], int],
        turns: Turns,
        number: int,
    ) -> None:
        self._listening = listening
        self._new_protocol = new_protocol
        self._connections = connections
        self._turns = turns
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._closed = False
        self._beginning: set[asyncio.Task[object]] = set()
        listening.setblocking(False)
        self._tell()
        self._loop.add_reader(listening, self._come)

    def close(self) -> None:
        """Take no more."""
        self._closed = True
        self._turns.absent(self._number)
        self._loop.remove_reader(self._listening)
        if self._later is not None:
            self._later.cancel()

    async def wait_closed(self) -> None:
        """Nothing is left to be closed."""

    def _tell(self) -> None:
        self._turns.holds(self._number, self._connections() + len(self._beginning))

    def _come(self) -> None:
        """A connection waits."""
        self._tell()
        for _ in range(AT_ONCE):
            if self._turns.ahead(self._number):
                self._pause(TURN_SECONDS)
                return
            if not self._take():
                return

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening)
        self._later = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._later = None
        self._loop.add_reader(self._listening, self._come)
        for _ in range(AT_ONCE):
            if not self._take():
                return

    def _take(self) -> bool:
        """Take one; whether there may be more."""
        try:
            taken, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another worker was quicker, or the caller has gone
        except OSError:
            log.exception("connection_not_taken", wait_seconds=FULL_SECONDS)
            self._pause(FULL_SECONDS)
            return False
        taken.setblocking(False)
        task = self._loop.create_task(self._begin(taken))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        self._tell()
        return True

    async def _begin(self, taken: socket.socket) -> None:
        try:
            _, protocol = await self._loop.connect_accepted_socket(self._new_protocol, taken)
        except OSError:
            taken.close()  # the caller has gone
            return
        if self._closed:
            protocol.shutdown()  # uvicorn has told all the others, and would wait for this one
