"""One of several worker processes: serves the public port, and reports to its supervisor on request.

app/supervisor.py starts it as `python -m app.worker PORT FILE`. FILE is the file descriptor of a listening socket on
loopback. On this socket, `GET /report` returns the counts of this process, and with `?checks=1` also the results of its
checks.
"""

import asyncio
import faulthandler
import os
import socket
import sys
from contextlib import suppress
from dataclasses import astuple
from typing import Final

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import server
from app.factory import Application, create_app
from app.process import refuse_unfit_redis
from app.public_server import make_public, stop_serving
from app.signals import Signals
from app.version import VERSION
from domain.errors import PageInboxError
from ops import logs
from ops.settings import SettingsRefused, read_settings
from ops.totals import count
from ops.tracing_switch import hooks

LAST_REPORT_SECONDS: Final = 3.0
"""Seconds after the last answer to a caller in which the supervisor can request a last report. It requests one per
second."""


def main(port: int, file: int) -> None:
    """Serve until SIGTERM."""
    faulthandler.enable()  # at SIGABRT from the supervisor, write the stack and end
    settings = read_settings(os.environ, command="serve")
    logs.configure(sys.stdout.buffer, level=settings.log_level)
    server.raise_open_files()
    app = create_app(settings, hooks(os.environ, version=VERSION))
    public = server.listen(settings.host, port, "PORT", shared=True)
    server.run(lambda: _serve(app, public, socket.socket(fileno=file)))


async def _serve(app: Application, public_socket: socket.socket, report_socket: socket.socket) -> None:
    await refuse_unfit_redis(app.services.state)
    public, asked = make_public(app), asyncio.Event()

    def stop() -> None:
        public_socket.close()  # from now on the other workers get new connections
        stop_serving(public, app)

    Signals(stop).install()

    async def report(request: Request) -> Response:
        checks = [astuple(one) for one in await app.services.checks.run()] if request.query_params else []
        asked.set()
        return Response(orjson.dumps({"checks": checks, "counted": count(app.services.registry)}))

    reports = server.make_server(Starlette(routes=[Route("/report", report)]))
    async with asyncio.TaskGroup() as group:
        group.create_task(_report_once_started(public, reports, report_socket))
        await public.serve(server.accepting(public_socket))
        asked.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), LAST_REPORT_SECONDS)
        reports.should_exit = True


async def _report_once_started(public: uvicorn.Server, reports: uvicorn.Server, listening: socket.socket) -> None:
    await server.started(public)
    await reports.serve([listening])


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except (PageInboxError, SettingsRefused) as error:
        sys.exit(f"Error: {error}")
