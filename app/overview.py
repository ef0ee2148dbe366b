"""What all workers come to, for the operators' port: alive, ready, counted."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, Protocol

from ops.health import Result
from ops.metrics import Metrics, Registry
from ops.totals import Family, Told, families, lasting, tell, together

SILENT_BEATS: Final = 5
"""Beats without a report, a second each, from which on a worker hangs: a loop that turns misses none."""

_CHECK: Final = "workers"
_HINT: Final = "No worker process serves yet, or one hangs; the supervisor's log lines say which."


class Worker(Protocol):
    """What is known of one."""

    serves: bool
    silent: int
    counted: Told

    async def ask(self) -> list[Result] | None:
        """Its checks, run now, with `counted` as new; None where it does not answer."""
        ...


class Overview:
    """Stands for the registry and the checks of one process, and is asked as they are (ops/routes.py).

    `registry` holds what the supervisor itself counts, on `metrics`.
    """

    def __init__(self, workers: Callable[[], Collection[Worker]], registry: Registry, metrics: Metrics) -> None:
        self._workers = workers
        self._registry = registry
        self._metrics = metrics
        self._gone: Told = []

    def alive(self) -> bool:
        """Whether no worker hangs. One that starts again does not: the others take its connections."""
        return not any(_hangs(worker) for worker in self._workers())

    async def run(self) -> list[Result]:
        """Each check of all that serve, passed where every one of them passes it; and whether all of them answer."""
        asked = [worker for worker in self._workers() if worker.serves and not _hangs(worker)]
        answers = await asyncio.gather(*(worker.ask() for worker in asked))
        answered = [results for results in answers if results is not None]
        well = bool(asked) and len(answered) == len(asked) and self.alive()
        self._metrics.check(_CHECK, well)
        return [*_worst(result for results in answered for result in results), Result(_CHECK, well, _HINT)]

    def retain(self, counted: Told) -> None:
        """A worker is gone; what it counted is not."""
        self._gone = together([self._gone, lasting(counted)])

    def collect(self) -> Iterator[Family]:
        """The families of all together, as they were last told."""
        workers = self._workers()
        self._metrics.workers(sum(worker.serves and not _hangs(worker) for worker in workers))
        return families(together([tell(self._registry), self._gone, *(worker.counted for worker in workers)]))


def _hangs(worker: Worker) -> bool:
    # keeps: a silent worker fails /livez
    return worker.serves and worker.silent >= SILENT_BEATS


def _worst(results: Iterable[Result]) -> list[Result]:
    found: dict[str, Result] = {}
    for result in results:
        known = found.get(result.name)
        if known is None or known.ok:
            found[result.name] = result
    return list(found.values())
