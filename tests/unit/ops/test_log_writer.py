"""Log lines into a pipe whose reader is slow, stops or ends."""

import io
import os
import select
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from ops.log_writer import BUFFER_BYTES, LineWriter


def lost_line(lines: int) -> bytes:
    """Returns the line about lost lines."""
    return b"lost %d" % lines


class Pipe:
    """A writer, its pipe, and the lines that a reader gets."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream = os.fdopen(writing, "wb")
        self.writer = LineWriter(io.BytesIO())
        self.writer.open(self.stream, lost_line)

    def read(self) -> bytes:
        """Returns everything that is in the pipe."""
        os.set_blocking(self.reading, False)
        found = b""
        try:
            while piece := os.read(self.reading, 65_536):
                found += piece
        except BlockingIOError:
            pass
        return found

    def close_reader(self) -> None:
        """Closes the reader."""
        os.close(self.reading)
        self.reading = -1

    def close(self) -> None:
        """Close both ends."""
        if self.reading >= 0:
            os.close(self.reading)
        self.writer.open(io.BytesIO(), lost_line)
        with suppress(BrokenPipeError):
            self.stream.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Yields a new pipe."""
    made = Pipe()
    yield made
    made.close()


def test_a_stopped_reader_loses_lines_but_does_not_block_the_writer(pipe: Pipe) -> None:
    """The lines in the pipe and in the buffer are not lost. The writer drops and counts all other lines, and logs
    their number when the reader continues.
    """
    line = b"x" * 999
    for _ in range(5000):
        pipe.writer.msg(line)
    lost = pipe.writer.lost
    assert 5000 - (BUFFER_BYTES + 2 * 65_536) // 1000 <= lost < 5000
    found = b""
    while more := pipe.read():
        found += more
        pipe.writer.flush()
    pipe.writer.msg(b"last")
    lines = (found + pipe.read()).splitlines()
    assert lines == [*[line] * (5000 - lost), b"lost %d" % lost, b"last"]
    assert pipe.writer.lost == lost


def test_writes_of_whole_lines_to_a_pipe_stay_within_pipe_buf() -> None:
    """Another process may share the pipe, and its lines could come into the middle of a longer write (pipe(7),
    PIPE_BUF).
    """
    sizes: list[int] = []

    class Sizes(io.FileIO):
        def write(self, piece: Any, /) -> int:
            sizes.append(len(piece))
            return super().write(piece)

    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, Sizes(writing, "w") as stream:
        writer = LineWriter(io.BytesIO())
        writer.open(stream, lost_line)
        lines = [b"%d " % n + b"x" * size for n, size in enumerate((3000, 1000, 90, 5000, 10, 4090, 4095, 10))]
        writer.extend(lines)
        writer.open(io.BytesIO(), lost_line)
        stream.close()
        assert reader.read().splitlines() == lines
    assert max(sizes) <= select.PIPE_BUF
    assert len(sizes) < len(lines) + 2


def test_a_closed_reader_loses_lines_but_raises_no_error(pipe: Pipe) -> None:
    """A broken pipe must not fail a request."""
    pipe.close_reader()
    pipe.writer.msg(b"{}")
    assert pipe.writer.lost == 1


def test_closing_the_writer_writes_the_remaining_lines_that_fit(pipe: Pipe) -> None:
    """The last lines of a process are important, because they say why it ended."""
    for _ in range(200):
        pipe.writer.msg(b"x" * 999)
    pipe.writer.close()
    assert len(pipe.read()) >= 61_000
