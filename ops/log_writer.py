"""Writes log lines, and never waits for the program that reads them.

Lines wait in a buffer. At the end of each event-loop iteration, as many lines are written as the pipe accepts. If the
reader stops, lines can be lost, but no request fails: when the buffer is full, new lines are dropped and counted.
"""

import asyncio
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

BUFFER_BYTES: Final = 256 * 1024
"""Bytes of lines that can wait for a slow reader of standard output. A busy process writes two million in a second."""
RETRY_SECONDS: Final = 0.005
"""Seconds until the next try if the pipe was full. A pipe holds 64 KiB, so 13 MB can be written per second."""
CLOSE_SECONDS: Final = 1.0
"""Seconds that a slow reader has to take the last lines when the process ends."""


class LineWriter:
    """Writes the lines of one event-loop iteration together. Outside an event loop, it writes each line at once.

    Any thread may call it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.lost = 0
        """Lines that were not written, because the buffer was full or the reader has ended."""
        self._lines: deque[bytes] = deque()
        """Each line with its line end."""
        self._size = 0
        self._unreported = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing = threading.Lock()
        self._made: Callable[[int], bytes] | None = None
        self._stream = stream
        self._poll: select.poll | None = None

    def open(self, stream: BinaryIO, lost_line: Callable[[int], bytes]) -> None:
        """Write to `stream` from now on. `lost_line` returns a log line with the number of lost lines."""
        self.flush()
        with self._writing:
            self._stream, self._made, self._poll, self._loop = stream, lost_line, None, None
            try:
                number = stream.fileno()
            except OSError:  # the stream is in memory
                return
            if not stat.S_ISREG(os.fstat(number).st_mode):  # a file never makes its writer wait
                self._poll = select.poll()
                self._poll.register(number, select.POLLOUT)

    def msg(self, line: bytes) -> None:
        """Take a line without its line end."""
        self.extend((line,))

    def extend(self, lines: Sequence[bytes]) -> None:
        """Take several lines without their line ends."""
        for line in lines:
            if self._size > BUFFER_BYTES:
                self.flush()
            if self._size > BUFFER_BYTES:
                self.lost += 1
                self._unreported += 1
            else:
                self._lines.append(line + b"\n")
                self._size += len(line) + 1
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._loop is not loop:
            self._loop = loop
            loop.call_soon(self._iteration_ended)

    debug = info = warning = error = critical = msg

    def flush(self, seconds: float = 0.0) -> None:
        """Write what the reader accepts now, or within `seconds` for each piece."""
        with self._writing:
            # keeps: no wait for a reader of the log
            while self._lines and (self._poll is None or self._poll.poll(seconds * 1000)):
                piece, lines = self._piece()
                try:
                    self._stream.write(piece)
                    self._stream.flush()
                except (OSError, ValueError):  # the reader has ended, or the stream is closed
                    self.lost += lines
            if self._unreported and not self._lines and self._made:
                line = self._made(self._unreported) + b"\n"
                self._unreported = 0
                self._lines.append(line)
                self._size += len(line)

    def close(self) -> None:
        """Write the remaining lines. If the reader is too slow, some lines are not written."""
        self.flush(CLOSE_SECONDS)

    def _piece(self) -> tuple[bytes, int]:
        """Returns the next bytes to write, and how many lines end in them.

        A pipe that is ready for writing accepts PIPE_BUF bytes without a wait, and in one piece. So the lines of
        several processes that share the pipe stay whole. A longer line is written in parts.
        """
        most = select.PIPE_BUF if self._poll is not None else BUFFER_BYTES
        taken = [self._lines.popleft()]
        size = len(taken[0])
        if size > most:
            self._lines.appendleft(taken[0][most:])
            taken[0], size = taken[0][:most], most
        while self._lines and size + len(self._lines[0]) <= most:
            taken.append(self._lines.popleft())
            size += len(taken[-1])
        self._size -= size
        return b"".join(taken), len(taken)

    def _iteration_ended(self) -> None:
        loop, self._loop = self._loop, None
        self.flush()
        if self._lines and loop is not None:
            self._loop = loop
            loop.call_later(RETRY_SECONDS, self._iteration_ended)
