"""Runs several worker processes on one public port. It replaces a worker that ends or hangs, and ends all at a stop.

Each worker listens on PORT with its own socket, and the kernel distributes the connections (SO_REUSEPORT). The
supervisor serves OPS_PORT for all workers. It asks every worker for a report once per second, and at each request to
/readyz or /metrics. uvicorn's own workers are not used, for three reasons. They have no common /livez, /readyz and
/metrics. They do not replace a worker whose event loop hangs. They do not end when their parent is killed.
docs/adr/0020-worker-processes.md
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import httpx2
import orjson
import structlog

from app import server
from app.signals import DRAINING, Signals
from app.version import VERSION
from cache.embedded.tether import tethered
from domain.errors import PageInboxError
from ops.health import Result
from ops.metrics import Metrics, process_registry
from ops.routes import ops_app
from ops.settings import Settings, SettingsRefused, read_settings
from ops.totals import Counted, Family, add_up, count, lasting, metrics_of

BEAT_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 2.0
"""Seconds that a worker has to report. Each check has a time limit too: one second, or two for a check of Redis."""
SILENT_BEATS: Final = 5
"""Beats without a report after which /livez fails. A worker whose event loop runs misses no beat."""
HUNG_BEATS: Final = 15
"""Beats without a report after which a worker is replaced."""
START_BEATS: Final = 60
"""Beats that a worker has to start. It usually needs one beat."""
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 5.0
"""Longest wait in seconds before the next start, if a worker ended before it served. Each wait is twice as long as the
wait before."""
END_SECONDS: Final = server.GRACE_SECONDS + server.CLOSE_SECONDS + 5
"""Seconds that workers have to end: their own time limits, three for a last report, and two more."""
HOW: Final = ("exit", "signal", "hung")
_HINT: Final = "No worker process serves yet, or one hangs; the supervisor's log lines say which."
_ROOT: Final = Path(__file__).parents[1]

log = structlog.get_logger()


class NoWorkerServed(PageInboxError):
    """Raised when a worker ended before any worker had served. The log lines of the worker give the reason."""


class Worker:
    """A worker process and its last report. Make it with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, client: httpx2.AsyncClient) -> None:
        self.process = process
        self.serves = False
        """Whether the worker has reported at least once. A worker that has reported accepts requests."""
        self.silent = 0
        """Beats since the last report, or since the start."""
        self.hung = self.renewed = False
        """Why the supervisor ended the worker: it hung, or the settings are read again."""
        self.counted: Counted = []
        self._client = client

    @classmethod
    async def start(cls, port: int) -> Self:
        """Start a process that listens on `port`. Call this from the main thread. Raises OSError."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            program = (sys.executable, "-P", "-m", "app.worker", str(port), str(listening.fileno()))
            # Import the code of this process, not the code in the working directory (-P).
            path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
            process = await asyncio.create_subprocess_exec(
                *tethered(program),
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                pass_fds=(listening.fileno(),),
                start_new_session=True,  # Ctrl-C is for the supervisor, which ends the workers in order
            )
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        return cls(process, httpx2.AsyncClient(base_url=url, trust_env=False, timeout=ANSWER_SECONDS))

    async def report(self, *, checks: bool = False) -> list[Result] | None:
        """Request a report. Returns the results of the worker's checks, which run only if `checks` is true. Returns
        None if the worker does not answer in time.
        """
        try:
            answer = await self._client.get("/report", params={"checks": 1} if checks else {})
            report = orjson.loads(answer.content)
        except (httpx2.RequestError, ValueError):
            return None
        self.serves, self.silent, self.counted = True, 0, report["counted"]
        return [Result(*check) for check in report["checks"]]

    def hangs(self) -> bool:
        """Returns True if the worker has served and now sends no reports."""
        # keeps: a silent worker fails /livez
        return self.serves and self.silent >= SILENT_BEATS

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the worker has ended."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait until the worker ends. Returns the exit code, or the negative number of a signal."""
        try:
            return await self.process.wait()
        finally:
            await self._client.aclose()


class Supervisor:
    """Keeps `count` workers running. ops/routes.py uses it as the registry and the checks of all workers."""

    def __init__(self, count: int, start: Callable[[], Awaitable[Worker]], drain_seconds: float = 0) -> None:
        self.signals = Signals(self.end, drain_seconds)
        self._count = count
        self._start = start
        self._workers: dict[int, Worker] = {}
        self._ending = asyncio.Event()
        self._served = self._failed = False
        self._ended: Counted = []
        """The counts of workers that have ended."""
        self._registry = process_registry()
        self._metrics = Metrics(self._registry, VERSION)
        for how in HOW:
            self._metrics.known("worker_deaths_total", (how,))

    def alive(self) -> bool:
        """Returns True if no worker hangs. A starting worker does not count: the others accept all connections."""
        return not any(worker.hangs() for worker in self._workers.values())

    async def run(self) -> list[Result]:
        """Returns the result of each check, and of one more: `workers`, which passes if all workers answer. A check
        passes if it passes in every worker that serves."""
        serving = [worker for worker in self._workers.values() if worker.serves and not worker.hangs()]
        reports = await asyncio.gather(*(worker.report(checks=True) for worker in serving))
        found = {"draining": Result("draining", not self.signals.draining, DRAINING)}
        for result in (result for report in reports for result in report or ()):
            if result.name not in found or found[result.name].ok:
                found[result.name] = result
        well = bool(serving) and None not in reports and self.alive()
        self._metrics.check("workers", well)
        return [*found.values(), Result("workers", well, _HINT)]

    def collect(self) -> Iterator[Family]:
        """Yields the metrics of all workers together."""
        workers = list(self._workers.values())
        self._metrics.workers(sum(worker.serves and not worker.hangs() for worker in workers))
        reports = [count(self._registry), self._ended, *(worker.counted for worker in workers)]
        return metrics_of(add_up(reports))

    async def serve(self) -> bool:
        """Serve until every worker has ended after `end`. Returns False if a worker failed before any had served."""
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._keep(number)) for number in range(1, self._count + 1)]
            watch = group.create_task(self._watch())
            await self._ending.wait()
            _, left = await asyncio.wait(keepers, timeout=END_SECONDS)
            for number, worker in self._workers.items():
                log.error("worker_left_behind", worker=number, wait_seconds=END_SECONDS)
                worker.send(signal.SIGKILL)
            if left:
                await asyncio.wait(left)
            watch.cancel()
        return not self._failed

    def end(self) -> None:
        """Let the workers finish the open requests, and end."""
        self._ending.set()
        for worker in self._workers.values():
            worker.send(signal.SIGTERM)

    async def renew(self) -> None:
        """Replace one worker after the other. Each new worker reads the settings and their files again."""
        for number in list(self._workers):
            worker = self._workers.get(number)
            if worker is not None:
                worker.renewed = True
                worker.send(signal.SIGTERM)
                while not (self._ending.is_set() or self._serves(number, worker)):  # noqa: ASYNC110 - two conditions
                    await asyncio.sleep(BEAT_SECONDS)

    def _serves(self, number: int, instead_of: Worker) -> bool:
        worker = self._workers.get(number)
        return worker is not None and worker is not instead_of and worker.serves

    async def _keep(self, number: int) -> None:
        """Keep one worker running: when the worker ends, start another."""
        wait = 0.0
        while not await self._ends_within(wait):
            try:
                worker = self._workers[number] = await self._start()
            except OSError:
                wait = min(max(2 * wait, FIRST_WAIT), LONGEST_WAIT)
                log.exception("worker_not_started", worker=number, wait_seconds=wait)
                continue
            if self._ending.is_set():
                worker.send(signal.SIGTERM)
            code = await worker.ended()
            del self._workers[number]
            self._ended = add_up([self._ended, lasting(worker.counted)])
            wait = 0.0 if worker.serves else min(max(2 * wait, FIRST_WAIT), LONGEST_WAIT)
            # keeps: a dead worker is replaced
            if self._ending.is_set():
                return
            if worker.renewed and worker.serves:
                continue
            how = "hung" if worker.hung else "signal" if code < 0 else "exit"
            log.error("worker_died", worker=number, reason=how, code=code, wait_seconds=wait)
            self._metrics.worker_death(how)
            self._served |= worker.serves or any(other.serves for other in self._workers.values())
            if not self._served:  # the next worker would end for the same reason
                self._failed = True
                self.end()

    async def _ends_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
        return self._ending.is_set()

    async def _watch(self) -> None:
        """Request a report of each worker once per second, and end a worker that hangs."""
        while True:
            workers = list(self._workers.items())
            # Beats are turns of this loop. While the whole machine stops, this loop stops too, and no worker counts as
            # hung.
            await asyncio.gather(asyncio.sleep(BEAT_SECONDS), *(worker.report() for _, worker in workers))
            for number, worker in workers:
                worker.silent += 1
                if worker.serves and worker.silent == SILENT_BEATS:
                    log.error("worker_hangs", worker=number)
                longest = HUNG_BEATS if worker.serves else START_BEATS
                if worker.silent == longest:
                    worker.hung = True
                    worker.send(signal.SIGABRT)  # the worker writes its stack to standard error
                elif worker.silent > longest:
                    worker.send(signal.SIGKILL)


async def supervise(settings: Settings) -> None:
    """Serve with several workers until SIGTERM or SIGINT, then finish the open requests.

    Raises:
        PortRefused: one of the two ports is in use.
        NoWorkerServed: no worker could be started.
    """
    server.raise_open_files()
    with server.listen(settings.host, settings.port, "PORT") as free:  # so that no other service shares the port
        port = free.getsockname()[1]
    with (
        server.reserve(settings.host, port),
        server.listen(settings.host, settings.ops_port, "OPS_PORT") as ops_socket,
    ):
        log.info("listening", host=settings.host, port=port, ops_port=ops_socket.getsockname()[1])
        supervisor = Supervisor(settings.workers, lambda: Worker.start(port), settings.drain_seconds)
        ops = server.make_server(ops_app(supervisor, supervisor, supervisor.alive))
        async with asyncio.TaskGroup() as group:
            supervisor.signals.install(lambda: _reload(supervisor, group))
            group.create_task(ops.serve([ops_socket]))
            try:
                served = await supervisor.serve()
            finally:
                ops.should_exit = True
    if not served:
        raise NoWorkerServed("no_worker_served", "A worker process ended before any had served; its lines say why.")
    log.info("closed")


def _reload(supervisor: Supervisor, group: asyncio.TaskGroup) -> None:
    """Replace the workers, unless the new settings are refused."""
    try:
        read_settings(os.environ, command="serve")
    except SettingsRefused as refused:
        log.error("settings_refused", settings=", ".join(name for name, _ in refused.problems))  # noqa: TRY400 - no bug of ours
        return
    log.info("settings_read_again")
    group.create_task(supervisor.renew())
