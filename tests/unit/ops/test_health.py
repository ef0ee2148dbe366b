"""Checks that decide whether the process is ready."""

import asyncio

import pytest
from structlog.testing import capture_logs

from ops.health import Checks, Result


async def passing() -> None:
    """Pass."""


async def failing() -> None:
    """Fails."""
    raise ConnectionError("redis://:hunter2@cache refused")


async def test_results_are_in_the_order_of_registration_with_their_hints() -> None:
    """Each result has the name, the outcome and a hint, and does not contain the cause."""
    checks = Checks()
    checks.add("redis", failing, "look whether Redis runs")
    checks.add("loop", passing, "restart the process")
    with capture_logs() as lines:
        results = await checks.run()
    assert results == [
        Result("redis", False, "look whether Redis runs"),
        Result("loop", True, "restart the process"),
    ]
    (line,) = lines
    assert (line["event"], line["check"], line["log_level"]) == ("check_failed", "redis", "warning")
    assert isinstance(line["exc_info"], ConnectionError)


async def test_a_check_that_hangs_fails_at_its_time_limit_and_others_pass() -> None:
    """All checks run at the same time."""
    ended = asyncio.Event()

    async def hanging() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    checks = Checks()
    checks.add("hangs", hanging, "", timeout=0.01)
    checks.add("passes", passing, "")
    assert [result.ok for result in await checks.run()] == [False, True]
    assert ended.is_set()


async def test_a_check_that_returns_false_fails() -> None:
    """A check may return False instead of raising."""

    async def no() -> bool:
        return False

    checks = Checks()
    checks.add("no", no, "")
    assert [result.ok for result in await checks.run()] == [False]


async def test_something_cancelled_inside_a_check_is_a_failure() -> None:
    """For example, the check's connection was closed."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    checks = Checks()
    checks.add("cancelled", cancelled, "")
    assert [result.ok for result in await checks.run()] == [False]


async def test_checks_are_cancelled_with_their_caller() -> None:
    """No check continues after the connection is closed."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def hanging() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    checks = Checks()
    checks.add("hangs", hanging, "", timeout=30)
    run = asyncio.create_task(checks.run())
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert ended.is_set()


async def test_a_check_is_logged_when_its_state_changes() -> None:
    """A long outage makes one line for each kind of error, and not one line for each probe."""
    error: Exception | None = ConnectionError()

    async def changing() -> None:
        if error:
            raise error

    checks = Checks()
    checks.add("redis", changing, "")
    with capture_logs() as lines:
        await checks.run()
        await checks.run()
        error = OSError()
        await checks.run()
        error = None
        await checks.run()
        await checks.run()
    assert [line["event"] for line in lines] == ["check_failed", "check_failed", "check_passed"]


def test_two_checks_of_one_name_are_refused() -> None:
    """The runbook finds a check by its name."""
    checks = Checks()
    checks.add("redis", passing, "")
    with pytest.raises(ValueError, match="redis"):
        checks.add("redis", passing, "")


async def test_each_result_is_reported_with_its_name() -> None:
    """A metric receives the results in this way."""
    told: list[tuple[str, bool]] = []
    checks = Checks(count=lambda name, ok: told.append((name, ok)))
    checks.add("redis", failing, "look whether Redis runs")
    checks.add("loop", passing, "restart the process")
    await checks.run()
    assert sorted(told) == [("loop", True), ("redis", False)]
