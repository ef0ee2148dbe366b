"""Worker processes started, watched, replaced, ended; the processes themselves are pretended."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from app import supervisor
from app.overview import SILENT_BEATS
from app.supervisor import Supervisor
from app.turns import Turns
from app.workers import Worker
from tests.support import wait_until


class Pretended:
    """A worker that ends when it is told to."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.serves = self.hung = False
        self.silent = 0
        self.counted: list[Any] = []
        self.signals: list[str] = []
        self.obeys = True
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(self, code: int) -> None:
        """It is gone."""
        if not self.ended.done():
            self.ended.set_result(code)

    async def follow(self) -> int:
        """Until it is gone."""
        return await self.ended

    def terminate(self) -> None:
        """It ends in order, unless it does not obey."""
        self.signals.append("TERM")
        if self.obeys:
            self.end(0)

    def kill(self) -> None:
        """It cannot help it."""
        self.signals.append("KILL")
        self.end(-9)

    def tell_where(self) -> None:
        """It says where it is."""
        self.signals.append("QUIT")


class House:
    """A supervisor, and all the workers it has started so far."""

    def __init__(self, count: int, *, serve: Callable[[Pretended], bool]) -> None:
        self.started: list[Pretended] = []
        self.refuse = 0
        self._serve = serve
        self.listening = socket.socket()
        self.supervisor = Supervisor(count, self.listening, start=self._start)

    async def _start(self, number: int, listening: socket.socket, turns: Turns) -> Worker:
        assert listening is self.listening
        turns.holds(number, 0)
        self.turns = turns
        if self.refuse:
            self.refuse -= 1
            raise BlockingIOError("no more processes")
        made = Pretended(number)
        made.serves = self._serve(made)
        self.started.append(made)
        return cast("Worker", made)

    def deaths(self) -> dict[str, float]:
        """Counted, by how."""
        return {
            sample.labels["how"]: sample.value
            for family in self.supervisor.overview.collect()
            for sample in family.samples
            if sample.name == "page_inbox_worker_deaths_total" and sample.value
        }


@asynccontextmanager
async def house(count: int = 2, *, serve: Callable[[Pretended], bool] = lambda _: True) -> AsyncIterator[House]:
    """One that runs, and is ended afterwards."""
    made = House(count, serve=serve)
    running = asyncio.create_task(made.supervisor.run())
    await wait_until(lambda: len(made.started) == count)
    yield made
    made.supervisor.end()
    assert await running


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds; and no beat, for nobody here reports."""
    monkeypatch.setattr(supervisor, "BEAT_SECONDS", 3600)
    monkeypatch.setattr(supervisor, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(supervisor, "LONGEST_WAIT", 0.01)


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats of milliseconds."""
    monkeypatch.setattr(supervisor, "BEAT_SECONDS", 0.005)


async def test_a_worker_that_ends_is_replaced_and_counted_by_how_it_ended() -> None:
    """Each under its own number; one that is told to end by hand too."""
    async with house() as here:
        here.started[0].end(-11)
        await wait_until(lambda: len(here.started) == 3)
        here.started[1].end(0)
        await wait_until(lambda: len(here.started) == 4)
        assert [worker.number for worker in here.started] == [1, 2, 1, 2]
        assert here.deaths() == {"signal": 1, "exit": 1}


@pytest.mark.usefixtures("beats")
async def test_a_worker_that_says_nothing_any_more_is_asked_where_it_is_and_replaced() -> None:
    """One that does report is left alone."""
    async with house() as here:
        hangs, well = here.started

        def reported() -> bool:
            well.silent = 0
            return len(here.started) == 3

        await wait_until(reported)
        assert (hangs.signals, hangs.hung) == (["QUIT", "KILL"], True)
        assert well.signals == []
        assert here.deaths() == {"hung": 1}


@pytest.mark.usefixtures("beats")
async def test_nobody_waits_for_a_worker_that_hangs_or_is_gone() -> None:
    """To take the next connection: from the moment on in which it is known."""
    async with house() as here:
        assert not here.turns.ahead(2)
        here.turns.holds(2, 5)
        assert here.turns.ahead(2)
        here.started[0].silent = SILENT_BEATS - 1
        await wait_until(lambda: here.started[0].silent >= SILENT_BEATS)
        assert not here.turns.ahead(2)


@pytest.mark.usefixtures("beats")
async def test_a_worker_that_never_comes_to_serve_is_replaced() -> None:
    """Not asked where it is: it may not know yet how to tell."""
    async with house(serve=lambda worker: worker.number == 2) as here:
        stuck, well = here.started

        def reported() -> bool:
            well.silent = 0
            return len(here.started) == 3

        await wait_until(reported, within=10)
        assert stuck.signals == ["KILL"]


async def test_one_that_ends_before_it_serves_is_started_again_while_another_serves() -> None:
    """After waits, so that it does not take all the processor's time."""
    async with house(serve=lambda worker: worker.number == 2) as here:
        for count in range(3, 8):
            here.started[-1 if count > 3 else 0].end(1)
            await wait_until(lambda count=count: len(here.started) == count)  # type: ignore[misc]
        assert here.deaths() == {"exit": 5}


async def test_all_end_when_the_first_to_end_had_not_served_nor_had_any_other() -> None:
    """Whatever it is, the next start would meet it too."""
    made = House(2, serve=lambda _: False)
    running = asyncio.create_task(made.supervisor.run())
    await wait_until(lambda: len(made.started) == 2)
    made.started[0].end(1)
    assert await running is False
    assert (made.started[1].signals, len(made.started)) == (["TERM"], 2)


async def test_a_system_that_gives_no_process_is_asked_again() -> None:
    """The others go on."""
    async with house() as here:
        here.refuse = 3
        here.started[0].end(-9)
        await wait_until(lambda: len(here.started) == 3)
        assert here.refuse == 0


async def test_at_the_end_no_connection_is_taken_and_every_worker_is_told() -> None:
    """And none is started in the place of one that ended."""
    async with house(3) as here:
        here.supervisor.end()
        assert here.listening.fileno() == -1
        assert [worker.signals for worker in here.started] == [["TERM"]] * 3
    assert len(here.started) == 3
    assert here.deaths() == {}


async def test_a_worker_that_does_not_end_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others had their time."""
    monkeypatch.setattr(supervisor, "END_SECONDS", 0.05)
    async with house() as here:
        here.started[0].obeys = False
    assert [worker.signals for worker in here.started] == [["TERM", "KILL"], ["TERM"]]


async def test_a_worker_that_starts_while_all_end_is_told_too() -> None:
    """A signal that comes between two steps of a start is not lost."""
    made = House(1, serve=lambda _: False)
    go_on = asyncio.Event()
    start = made._start

    async def slow(number: int, listening: socket.socket, turns: Turns) -> Worker:
        await go_on.wait()
        return await start(number, listening, turns)

    made.supervisor = Supervisor(1, made.listening, start=slow)
    running = asyncio.create_task(made.supervisor.run())
    await asyncio.sleep(0)
    made.supervisor.end()
    go_on.set()
    assert await running
    assert all(worker.signals == ["TERM"] for worker in made.started)
