"""A worker process as its supervisor sees it: started, known by its reports, asked, ended."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, Self

import orjson

from app.turns import Turns
from cache.embedded.tether import tethered
from ops.health import Result
from ops.totals import Told

ANSWER_SECONDS: Final = 2.0
"""What a worker gets to answer in. A check of its own is given up after one."""
LONGEST_REPORT: Final = 16 * 1024 * 1024
"""Bytes of a line; fifty thousand are usual."""
EXIT_SECONDS: Final = 5.0
"""From the end of its last report to the end of the process."""
_POLL_SECONDS: Final = 0.01
_ROOT: Final = Path(__file__).parents[1]


class Worker:
    """A running worker. Made by `start`."""

    counted: Told
    """What it counted, by its last report."""

    def __init__(
        self,
        number: int,
        process: "subprocess.Popen[bytes]",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.number = number
        self.serves = False
        """Whether it has taken requests: it reports from then on."""
        self.silent = 0
        """Beats of the supervisor since the last report, or since the start."""
        self.hung = False
        """Whether it was ended for that."""
        self.counted = []
        self._process = process
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[list[Result]]] = {}

    @classmethod
    async def start(cls, number: int, listening: socket.socket, turns: Turns) -> Self:
        """A process that takes connections from `listening` too. Call it from the main thread. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            files = (listening.fileno(), theirs.fileno(), turns.file)
            program = (sys.executable, "-P", "-m", "app.worker")
            command = tethered([*program, *map(str, (*files, turns.count, number))])
            # The code that runs here, wherever it was started: not what happens to lie in the working directory (-P).
            path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
            try:
                process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own command; the fork takes milliseconds
                    command,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": path},
                    pass_fds=files,
                    start_new_session=True,  # Ctrl-C is for the supervisor, which tells everybody
                )
            except BaseException:
                ours.close()
                raise
        return cls(number, process, *await asyncio.open_unix_connection(sock=ours, limit=LONGEST_REPORT))

    async def follow(self) -> int:
        """Take its reports until it is gone; its exit code, or the negative number of the signal that ended it."""
        try:
            while line := await self._reader.readline():
                self._take(orjson.loads(line))
        except (ConnectionError, ValueError):  # it broke off in the middle of a line
            pass
        self._writer.close()
        for answer in self._asked.values():
            answer.cancel()
        for _ in range(round(EXIT_SECONDS / _POLL_SECONDS)):
            if self._process.poll() is not None:
                break
            await asyncio.sleep(_POLL_SECONDS)
        self._process.kill()
        return self._process.wait()

    def _take(self, report: dict[str, Any]) -> None:
        self.serves, self.silent = True, 0
        self.counted = report["counted"]
        answer = self._asked.get(report["number"])
        if answer is not None and not answer.done():
            answer.set_result([Result(*check) for check in report["checks"]])

    async def ask(self) -> list[Result] | None:
        """Its checks, run now, with `counted` as new; None where it does not answer in time or is gone."""
        if self._writer.is_closing():
            return None
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self._writer.write(b"%d\n" % number)
        try:
            await asyncio.wait([answer], timeout=ANSWER_SECONDS)
            return answer.result() if answer.done() and not answer.cancelled() else None
        finally:
            del self._asked[number]

    def tell_where(self) -> None:
        """Have it write to standard error what it is doing."""
        self._process.send_signal(signal.SIGQUIT)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()
