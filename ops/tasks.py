"""Background tasks under supervision: a crashed task is logged and started again, and all tasks end together."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

Run = Callable[[], Awaitable[object]]
OnCrash = Callable[[str, int], None]
"""Called with the name of a task and the number of new crashes: 0 when the task is started, 1 at each crash."""

FIRST_WAIT = 0.5
"""Seconds before the first restart. Each wait is twice as long as the wait before it, at most LONGEST_WAIT."""
LONGEST_WAIT = 30.0
STEADY = 60.0
"""Seconds without a crash after which a task counts as healthy. After its next crash, the wait is FIRST_WAIT again."""


class Tasks:
    """The tasks of one process, by name. `clock` is monotonic and in seconds."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        on_crash: OnCrash = lambda _name, _crashes: None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._on_crash = on_crash
        self._running: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, None] = {}
        self._log = structlog.get_logger()

    def start(self, name: str, run: Run) -> None:
        """Run `run` until it returns. Run it again after each crash.

        Raises ValueError if a task of this name runs.
        """
        if name in self._running:
            raise ValueError(f"two tasks named {name}")
        self._on_crash(name, 0)
        task = asyncio.create_task(self._watch(name, run), name=name)
        self._running[name] = task
        task.add_done_callback(lambda _task: self._running.pop(name, None))

    def crashed(self) -> list[str]:
        """Returns the names of the tasks that crashed and wait for their next start."""
        return list(self._waiting)

    async def close(self, grace: float) -> None:
        """Cancel every task. All tasks together have `grace` seconds to end. Tasks that run longer are cancelled again,
        and the log names them.
        """
        tasks = list(self._running.values())
        for task in reversed(tasks):
            task.cancel()
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=grace)
        for task in left:
            self._log.error("task_left_behind", task=task.get_name(), wait_seconds=grace)
            task.cancel()

    async def _watch(self, name: str, run: Run) -> None:
        wait = FIRST_WAIT
        while True:
            started = self._clock()
            try:
                await run()
            except (Exception, asyncio.CancelledError) as error:
                closing = _is_cancelled()
                if closing and isinstance(error, asyncio.CancelledError):
                    raise
                if self._clock() - started >= STEADY:
                    wait = FIRST_WAIT
                self._log.exception("task_crashed", task=name, wait_seconds=wait)
                self._on_crash(name, 1)
                if closing:
                    return
            else:
                return
            self._waiting[name] = None
            try:
                await self._sleep(wait)
            finally:
                del self._waiting[name]
            wait = min(2 * wait, LONGEST_WAIT)


def _is_cancelled() -> bool:
    """Returns True if this task itself was cancelled, and False if only a task that it awaits was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
