"""Several worker processes on one public port: started, watched, replaced, ended together.

The supervisor opens the public port and takes no connection from it; the workers inherit it, and whoever has fewest
takes the next (docs/adr/0020-worker-processes.md). It serves the operators' port, and speaks there for all.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from app import server
from app.overview import SILENT_BEATS, Overview
from app.turns import Turns
from app.version import VERSION
from app.wiring import CLOSE_SECONDS
from app.worker import BEAT_SECONDS
from app.workers import Worker
from domain.errors import PageInboxError
from ops.metrics import Metrics, process_registry
from ops.routes import ops_app
from ops.settings import Settings

HUNG_BEATS: Final = 15
"""Beats without a report after which a worker is replaced; the operators' port has said so for ten by then. A beat is
the supervisor's own: where the whole machine stands still, so does it, and nobody is blamed."""
START_BEATS: Final = 60
"""A second is usual."""
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 5.0
"""Seconds before the next start of a worker that ended before it had served; each wait is twice the last. One that had
served is replaced at once."""
END_SECONDS: Final = server.GRACE_SECONDS + CLOSE_SECONDS + 2
"""What workers get to end: their own times, and two seconds over."""
HOW: Final = ("exit", "signal", "hung")

log = structlog.get_logger()

Start = Callable[[int, socket.socket, Turns], Awaitable[Worker]]


class NoWorkerServed(PageInboxError):
    """A worker ended before any of them had served; why, it has said itself."""


class Supervisor:
    """Keeps `count` workers on `listening`, which it closes when it ends."""

    def __init__(self, count: int, listening: socket.socket, *, start: Start = Worker.start) -> None:
        self._turns = Turns.create(count)
        self._listening = listening
        self._start = start
        self._workers: dict[int, Worker] = {}
        self._ending = asyncio.Event()
        self._served = self._in_vain = False
        registry = process_registry()
        self._metrics = Metrics(registry, version=VERSION)
        self.overview = Overview(self._workers.values, registry, self._metrics)
        for how in HOW:
            self._metrics.worker_death(how, 0)

    async def run(self) -> bool:
        """Return once `end` was called, and every worker has ended: whether any had served before it ended unasked."""
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._keep(number)) for number in range(1, self._turns.count + 1)]
            watch = group.create_task(self._watch())
            await self._ending.wait()
            _, left = await asyncio.wait(keepers, timeout=END_SECONDS)
            for worker in self._workers.values():
                log.error("worker_left_behind", worker=worker.number, wait_seconds=END_SECONDS)
                worker.kill()
            if left:
                await asyncio.wait(left)
            watch.cancel()
        return not self._in_vain

    def end(self) -> None:
        """Take no more connections, and have the workers finish what is under way."""
        self._ending.set()
        self._listening.close()
        for worker in self._workers.values():
            worker.terminate()

    async def _keep(self, number: int) -> None:
        """One worker after the other."""
        wait = 0.0
        while not await self._ends_within(wait):
            try:
                worker = self._workers[number] = await self._start(number, self._listening, self._turns)
            except OSError:
                wait = _next(wait)
                log.exception("worker_not_started", worker=number, wait_seconds=wait)
                continue
            if self._ending.is_set():
                worker.terminate()
            code = await worker.follow()
            del self._workers[number]
            self._turns.absent(number)
            self.overview.retain(worker.counted)
            # keeps: a dead worker is replaced
            if self._ending.is_set():
                return
            wait = 0.0 if worker.serves else _next(wait)
            how = "hung" if worker.hung else "signal" if code < 0 else "exit"
            log.error("worker_died", worker=number, reason=how, code=code, wait_seconds=wait)
            self._metrics.worker_death(how)
            self._served |= worker.serves or any(other.serves for other in self._workers.values())
            if not self._served:
                # The first that ended had never served, nor had any other: the next would do no better.
                self._in_vain = True
                self.end()

    async def _ends_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
        return self._ending.is_set()

    async def _watch(self) -> None:
        """Replace the worker that says nothing any more."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for worker in self._workers.values():
                worker.silent += 1
                if worker.serves and worker.silent == SILENT_BEATS:
                    log.error("worker_hangs", worker=worker.number)
                    self._turns.absent(worker.number)
                if worker.serves and worker.silent == HUNG_BEATS - 1:
                    worker.tell_where()
                if worker.silent >= (HUNG_BEATS if worker.serves else START_BEATS):
                    worker.hung = True
                    worker.kill()


def _next(wait: float) -> float:
    return min(max(2 * wait, FIRST_WAIT), LONGEST_WAIT)


async def supervise(settings: Settings) -> None:
    """Serve with several workers until SIGTERM or SIGINT, then finish what is under way.

    Raises:
        PortRefused: one of the two ports cannot be had.
        NoWorkerServed: no worker could be started.
    """
    with (
        server.listen(settings.host, settings.port, "PORT") as public_socket,
        server.listen(settings.host, settings.ops_port, "OPS_PORT") as ops_socket,
    ):
        port, ops_port = public_socket.getsockname()[1], ops_socket.getsockname()[1]
        log.info("listening", host=settings.host, port=port, ops_port=ops_port)
        supervisor = Supervisor(settings.workers, public_socket)
        server.on_signal(supervisor.end)
        overview = supervisor.overview
        ops = server.make_server(ops_app(overview, overview, overview.alive), lifespan=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(ops.serve([ops_socket]))
            try:
                served = await supervisor.run()
            finally:
                ops.should_exit = True
    if not served:
        raise NoWorkerServed("no_worker_served", "A worker process ended before any had served; its lines say why.")
    log.info("closed")
