"""Which worker takes the next connection; the workers are two takers in one event loop, on one socket."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from app import turns
from app.turns import Taker, Turns
from tests.support import wait_until


class Held(asyncio.Protocol):
    """A connection, in the list of the worker that holds it."""

    def __init__(self, held: "list[asyncio.BaseTransport]") -> None:
        self._held = held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        self._held.append(transport)

    def shutdown(self) -> None:
        """It is told to end, as uvicorn tells its connections."""
        for transport in self._held:
            transport.close()


class Worker:
    """Takes from the socket, and holds what it took."""

    def __init__(self, listening: socket.socket, shared: Turns, number: int) -> None:
        self.held: list[asyncio.BaseTransport] = []
        self.taker = Taker(listening, lambda: Held(self.held), lambda: len(self.held), shared, number)

    def close(self) -> None:
        """It ends."""
        self.taker.close()
        for transport in self.held:
            transport.close()


@pytest.fixture
async def listening() -> AsyncIterator[socket.socket]:
    """One socket on loopback."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as made:
        yield made
        await asyncio.sleep(0)


@pytest.fixture
def shared() -> Iterator[Turns]:
    """For two workers."""
    made = Turns.create(2)
    yield made
    os.close(made.file)


def offered(listening: socket.socket, count: int) -> list[socket.socket]:
    """So many connections, none of which is taken yet."""
    return [socket.create_connection(listening.getsockname(), timeout=30) for _ in range(count)]


def let_go(*held: Worker | socket.socket) -> None:
    """All of it ends."""
    for one in held:
        one.close()


def second(listening: socket.socket) -> socket.socket:
    """The same socket as another process has it."""
    return listening.dup()


async def test_connections_offered_at_once_are_shared_out(listening: socket.socket, shared: Turns) -> None:
    """Evenly, whoever wakes first."""
    callers = offered(listening, 40)
    with second(listening) as other:
        workers = [Worker(listening, shared, 1), Worker(other, shared, 2)]
        await wait_until(lambda: sum(len(worker.held) for worker in workers) == 40)
        assert min(len(worker.held) for worker in workers) >= 20 - 2 * turns.AT_ONCE
        let_go(*workers, *callers)


async def test_a_worker_that_does_not_come_is_waited_for_and_no_longer(listening: socket.socket, shared: Turns) -> None:
    """It says that it holds none, and takes none: it hangs, and nobody knows it yet."""
    shared.holds(2, 0)
    callers = offered(listening, 20)
    worker = Worker(listening, shared, 1)
    await wait_until(lambda: len(worker.held) == 20)
    let_go(worker, *callers)


async def test_nobody_waits_for_a_worker_that_is_not_there(
    listening: socket.socket, shared: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for one that has not begun, nor for one that has ended."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 3600)
    with second(listening) as other:
        gone = Worker(other, shared, 2)
        gone.close()
        callers = offered(listening, 20)
        worker = Worker(listening, shared, 1)
        await wait_until(lambda: len(worker.held) == 20)
    let_go(worker, *callers)


async def test_one_that_has_ended_takes_no_more(listening: socket.socket, shared: Turns) -> None:
    """Not even the connection that it was waiting with."""
    shared.holds(2, 0)
    worker = Worker(listening, shared, 1)
    callers = offered(listening, 20)
    await wait_until(lambda: len(worker.held) >= 1)
    worker.taker.close()
    held = len(worker.held)
    await asyncio.sleep(turns.TURN_SECONDS * 5)
    assert len(worker.held) <= held + turns.AT_ONCE, "some may have been beginning"
    await worker.taker.wait_closed()
    let_go(worker, *callers)


async def test_a_connection_that_begins_while_all_end_is_told_to_end_too(
    listening: socket.socket, shared: Turns
) -> None:
    """The others were told before it was one of them; it would be waited for until its caller goes."""
    worker = Worker(listening, shared, 1)
    (caller,) = offered(listening, 1)
    worker.taker._come()
    assert worker.held == []
    worker.taker.close()
    assert await asyncio.to_thread(caller.recv, 1) == b"", "it is still open"
    let_go(caller)


async def test_without_open_files_it_waits_and_says_so(
    listening: socket.socket, shared: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not turn round and round."""
    monkeypatch.setattr(turns, "FULL_SECONDS", 0.05)

    class Full:
        """A socket whose process has no file left, twice."""

        refusals = 2

        def fileno(self) -> int:
            return listening.fileno()

        def setblocking(self, blocking: bool) -> None:
            listening.setblocking(blocking)

        def accept(self) -> object:
            if self.refusals:
                self.refusals -= 1
                raise OSError(24, "Too many open files")
            return listening.accept()

    full = Full()
    with capture_logs() as lines:
        worker = Worker(full, shared, 1)  # type: ignore[arg-type]
        callers = offered(listening, 3)
        await wait_until(lambda: len(worker.held) == 3)
    assert [line["event"] for line in lines] == ["connection_not_taken"] * 2
    let_go(worker, *callers)


def test_the_numbers_are_seen_by_whoever_opens_the_same_memory(shared: Turns) -> None:
    """As another process does."""
    there = Turns(shared.file, 2)
    assert not there.ahead(1)
    shared.holds(1, 3)
    there.holds(2, 2)
    assert (shared.ahead(1), shared.ahead(2)) == (True, False)
    there.absent(2)
    assert not shared.ahead(1)
