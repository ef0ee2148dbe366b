"""The supervisor starts, checks, replaces and ends workers. The workers of these tests are not processes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from app.supervisor import Supervisor, Worker
from ops.health import Result
from ops.metrics import Metrics, process_registry
from ops.totals import count
from tests.support import wait_until

REDIS = Result("redis", True, "Look at Redis.")
NO_REDIS = Result("redis", False, "Look at Redis.")


class FakeWorker:
    """Reports `results`, or does not answer if `results` is None. Ends at a signal or when `end` is called."""

    def __init__(self, results: list[Result] | None = None, *, serves: bool = True, deliveries: int = 0) -> None:
        self.serves = serves
        self.silent = 0
        self.hung = self.renewed = False
        self.results = results
        registry = process_registry()
        Metrics(registry).delivery("accepted", deliveries)
        self.counted = count(registry)
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(self, code: int) -> None:
        """End the worker."""
        if not self.code.done():
            self.code.set_result(code)

    def send(self, number: signal.Signals) -> None:
        """End at any signal. SIGTERM ends the worker with exit code 0."""
        self.end(0 if number == signal.SIGTERM else -number)

    def hangs(self) -> bool:
        """Returns False, because this worker never hangs."""
        return False

    async def report(self, *, checks: bool = False) -> list[Result] | None:
        """Returns the worker's checks."""
        return self.results if checks else []

    async def ended(self) -> int:
        """Returns the exit code."""
        return await self.code


@asynccontextmanager
async def supervised(workers: int, make: Callable[[int], FakeWorker]) -> AsyncIterator[tuple[Supervisor, list[Any]]]:
    """Yields a supervisor, and its workers in the order of their start. `make` gets the number of earlier starts."""
    started: list[Any] = []

    async def start() -> Worker:
        made = make(len(started))
        started.append(made)
        return cast("Worker", made)

    supervisor = Supervisor(workers, start)
    serving = asyncio.create_task(supervisor.serve())
    await wait_until(lambda: len(started) >= workers)
    try:
        yield supervisor, started
    finally:
        supervisor.end()
        await serving


def value(supervisor: Supervisor, name: str) -> float:
    """Returns the sum of all series of a metric."""
    return sum(s.value for family in supervisor.collect() for s in family.samples if s.name == f"page_inbox_{name}")


async def passed(supervisor: Supervisor) -> dict[str, bool]:
    """Returns each check with its result."""
    return {result.name: result.ok for result in await supervisor.run()}


async def test_the_counts_of_an_ended_worker_stay_after_its_replacement() -> None:
    """No counter decreases, because Prometheus would take a decrease for a restart."""
    async with supervised(2, lambda _: FakeWorker([], deliveries=20)) as (supervisor, started):
        assert value(supervisor, "deliveries_total") == 40
        started[0].end(-9)
        await wait_until(lambda: len(started) == 3)
        assert value(supervisor, "deliveries_total") == 60
        assert value(supervisor, "worker_deaths_total") == 1
        assert value(supervisor, "workers") == 2


async def test_a_check_passes_only_if_it_passes_in_every_worker() -> None:
    """Every worker must answer."""
    async with supervised(2, lambda _: FakeWorker([REDIS])) as (supervisor, started):
        assert await passed(supervisor) == {"draining": True, "redis": True, "workers": True}
        started[1].results = [NO_REDIS]
        assert await passed(supervisor) == {"draining": True, "redis": False, "workers": True}
        started[1].results = None
        assert await passed(supervisor) == {"draining": True, "redis": True, "workers": False}


async def test_the_service_stays_ready_while_a_worker_restarts() -> None:
    """The other workers serve. If no worker serves, the service is not ready."""
    async with supervised(2, lambda before: FakeWorker([REDIS], serves=not before)) as (supervisor, started):
        assert await passed(supervisor) == {"draining": True, "redis": True, "workers": True}
        started[0].serves = False
        assert await passed(supervisor) == {"draining": True, "workers": False}


async def test_a_start_that_the_system_refuses_is_tried_again() -> None:
    """If a second worker cannot be started, the first worker continues to serve."""
    refusals = [OSError("no more processes")]

    def make(before: int) -> FakeWorker:
        if before and refusals:
            raise refusals.pop()
        return FakeWorker([])

    started: list[FakeWorker] = []

    async def start() -> Worker:
        made = make(len(started))
        started.append(made)
        return cast("Worker", made)

    supervisor = Supervisor(2, start)
    serving = asyncio.create_task(supervisor.serve())
    await wait_until(lambda: len(started) == 2, 30)
    supervisor.end()
    assert await serving is True


async def test_a_reload_of_the_settings_replaces_every_worker() -> None:
    """The metric of dead workers does not count the replaced workers."""
    async with supervised(2, lambda _: FakeWorker([])) as (supervisor, started):
        await supervisor.renew()
        assert len(started) == 4
        assert value(supervisor, "worker_deaths_total") == 0
