"""One of several worker processes: serves the public port, and tells its supervisor once a second how it is.

Started by app/workers.py as `python -m app.worker LISTENING CONTROL TURNS COUNT NUMBER`: three open files, how many
workers there are, and which of them this is. The files are the socket that all take connections from, one end of a pair
of sockets, and the memory of app/turns.py. Up that pair goes one JSON object a line, each second and in answer
to each number that comes down: what was counted so far, and to a number the results of the checks too. When the other
end is closed, the supervisor is gone, and the worker ends as it does at SIGTERM.
"""

import asyncio
import faulthandler
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import astuple
from typing import Final

import orjson
import uvicorn

from app import server
from app.factory import Application, create_app
from app.turns import Turns
from app.version import VERSION
from ops import logs
from ops.settings import read_settings
from ops.totals import tell
from ops.tracing_switch import hooks

BEAT_SECONDS: Final = 1.0
"""Between two reports. What was counted since the last one is lost with a worker that is killed; one that ends in order
tells its last word."""
_POLL_SECONDS: Final = 0.01


def main(listening: int, control: int, turns: int, count: int, number: int) -> None:
    """Serve until told to end."""
    # What it hangs in, should it hang: files, lines and functions, to standard error.
    faulthandler.register(signal.SIGQUIT, all_threads=True)
    settings = read_settings(os.environ, command="serve")
    logs.configure(sys.stdout.buffer, level=settings.log_level)
    server.raise_open_files()
    app = create_app(settings, hooks(os.environ, version=VERSION))
    held = Turns(turns, count)
    server.run(lambda: _serve(app, socket.socket(fileno=listening), socket.socket(fileno=control), held, number))


async def _serve(app: Application, listening: socket.socket, control: socket.socket, turns: Turns, number: int) -> None:
    await server.refuse_unfit_redis(app.services.state)
    public = server.make_public(app, turns, number)
    reader, writer = await asyncio.open_unix_connection(sock=control)
    reporter = Reporter(app, writer)
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(_beat(public, reporter)),
            group.create_task(_obey(public, app, reader, reporter)),
        ]
        await public.serve([listening])
        for task in beside:
            task.cancel()
        with suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(reporter.report(), BEAT_SECONDS)


class Reporter:
    """Tells the supervisor."""

    def __init__(self, app: Application, writer: asyncio.StreamWriter) -> None:
        self._app = app
        self._writer = writer

    async def report(self, number: int = 0) -> None:
        """How it is; with a number, its answer to that. Waits for a supervisor that does not read."""
        told = {"number": number, "checks": [], "counted": tell(self._app.services.registry)}
        if number:
            told["checks"] = [[*astuple(one)] for one in await self._app.services.checks.run()]
        self._writer.write(orjson.dumps(told) + b"\n")
        await self._writer.drain()


async def _beat(public: uvicorn.Server, reporter: Reporter) -> None:
    while not public.started:  # noqa: ASYNC110 - uvicorn sets no event
        await asyncio.sleep(_POLL_SECONDS)
    try:
        while True:
            await reporter.report()
            await asyncio.sleep(BEAT_SECONDS)
    except ConnectionError:
        pass  # the supervisor is gone: `_obey` sees it too


async def _obey(public: uvicorn.Server, app: Application, reader: asyncio.StreamReader, reporter: Reporter) -> None:
    try:
        while line := await reader.readline():
            await reporter.report(int(line))
    except ConnectionError:
        pass
    server.stop(public, app)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
