"""Background tasks that are watched and restarted."""

import asyncio

import pytest
from structlog.testing import capture_logs

from ops.tasks import FIRST_WAIT, LONGEST_WAIT, STEADY, Tasks


class Time:
    """A clock that only `sleep` moves. It records each sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Returns the time in seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move the clock by this time, and return without a wait."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def test_a_crashed_task_is_logged_and_started_again() -> None:
    """The waits before restarts double up to a limit."""
    time, runs, done = Time(), 0, asyncio.Event()

    async def fragile() -> None:
        nonlocal runs
        runs += 1
        if runs <= 9:
            raise ValueError
        done.set()

    tasks = Tasks(clock=time.clock, sleep=time.sleep)
    with capture_logs() as lines:
        tasks.start("fragile", fragile)
        await done.wait()
    assert time.slept == [FIRST_WAIT * 2**n for n in range(6)] + [LONGEST_WAIT] * 3
    assert [(line["event"], line["task"]) for line in lines] == [("task_crashed", "fragile")] * 9
    await tasks.close(1)


async def test_the_restart_waits_are_reset_after_a_time_without_a_crash() -> None:
    """One crash a day is not a crash loop."""
    time, runs, done = Time(), 0, asyncio.Event()

    async def sometimes() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            time.now += STEADY
        if runs == 4:
            done.set()
            return
        raise ValueError

    tasks = Tasks(clock=time.clock, sleep=time.sleep)
    tasks.start("sometimes", sometimes)
    await done.wait()
    assert time.slept == [FIRST_WAIT, 2 * FIRST_WAIT, FIRST_WAIT]
    await tasks.close(1)


async def test_closing_cancels_every_task_and_waits_for_it() -> None:
    """A task may finish its work in `finally`."""
    started, drained = asyncio.Event(), []

    async def draining() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            drained.append(True)

    tasks = Tasks()
    tasks.start("draining", draining)
    await started.wait()
    await tasks.close(5)
    assert drained == [True]
    await tasks.close(5)


async def test_a_task_that_does_not_end_is_named_and_left_behind() -> None:
    """Shutting down takes at most the grace period."""
    started, second = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await second.wait()

    tasks = Tasks()
    tasks.start("stubborn", stubborn)
    await started.wait()
    with capture_logs() as lines:
        await tasks.close(0.01)
    assert [(line["event"], line["task"]) for line in lines] == [("task_left_behind", "stubborn")]


async def test_a_task_that_fails_while_closing_is_logged_and_not_started_again() -> None:
    """The shutdown continues."""
    started, runs = asyncio.Event(), 0

    async def failing() -> None:
        nonlocal runs
        runs += 1
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            raise ValueError

    tasks = Tasks()
    tasks.start("failing", failing)
    await started.wait()
    with capture_logs() as lines:
        await tasks.close(1)
    assert [line["event"] for line in lines] == ["task_crashed"]
    assert runs == 1


async def test_a_task_that_waits_for_its_restart_is_reported_and_can_be_closed() -> None:
    """The readiness check uses this report."""
    asleep = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    async def failing() -> None:
        raise asyncio.CancelledError  # this cancels something inside the task and not the task

    tasks = Tasks(sleep=sleep)
    tasks.start("failing", failing)
    assert tasks.crashed() == []
    await asleep.wait()
    assert tasks.crashed() == ["failing"]
    await tasks.close(1)
    assert tasks.crashed() == []


async def test_two_running_tasks_of_one_name_are_refused() -> None:
    """A name in the log must mean one task."""
    tasks = Tasks()
    tasks.start("one", asyncio.Event().wait)
    with pytest.raises(ValueError, match="one"):
        tasks.start("one", asyncio.Event().wait)
    await tasks.close(1)
    await asyncio.sleep(0)
    tasks.start("one", asyncio.Event().wait)
    await tasks.close(1)


async def test_crashes_are_reported_and_a_start_reports_zero() -> None:
    """A metric can then count crashes from zero."""
    time, told, done = Time(), list[tuple[str, int]](), asyncio.Event()

    async def fragile() -> None:
        if len(told) < 3:
            raise ValueError
        done.set()

    tasks = Tasks(clock=time.clock, sleep=time.sleep, on_crash=lambda name, crashes: told.append((name, crashes)))
    tasks.start("fragile", fragile)
    await done.wait()
    assert told == [("fragile", 0), ("fragile", 1), ("fragile", 1)]
    await tasks.close(1)
