"""Serves both ports in this process until a signal ends it. At SIGHUP the process reads the settings again."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import structlog
import uvicorn

from app import server
from app.factory import Application
from app.public_server import make_public, stop_serving
from app.signals import DRAINING, Signals
from cache.server.state import ServerState
from domain.errors import PageInboxError
from ops.settings import SettingsRefused

REDIS_SECONDS: Final = 1.0
"""Time limit for the first examination of Redis. After it, the service starts, but is not ready until Redis answers."""
SILENT_SECONDS: Final = 2.0
"""Seconds after SIGHUP in which the previous application still answers on the connections that it has accepted."""

Beside = Callable[[int, int], Coroutine[Any, Any, None]]
"""A task that runs beside the service. The arguments are the public port and the operators' port."""

MakeApp = Callable[[], Application]
"""Reads the settings and makes the application."""

log = structlog.get_logger()


class RedisUnfit(PageInboxError):
    """Raised when Redis may lose messages. The sentence says what to change."""


async def refuse_unfit_redis(state: ServerState) -> None:
    """Check that Redis is fit. If Redis does not answer, this function raises nothing, because the service is not ready
    until Redis answers.

    Raises:
        RedisUnfit: Redis may evict keys, or Redis is too old.
    """
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            finding = await state.unfit()
    except TimeoutError:
        return
    if finding is not None:
        raise RedisUnfit("redis_unfit", f"{finding.sentence} {finding.remedy}")


async def serve(app: Application, *, beside: Beside | None = None, again: MakeApp | None = None) -> None:
    """Serve until a signal of STOPPING, then finish the open requests. At SIGHUP, serve a new application of `again`.

    Raises:
        PortRefused: one of the two ports cannot be listened to.
        RedisUnfit: Redis may lose messages.
        TooFewFiles: this process may open too few files.
    """
    settings = app.services.settings
    server.raise_open_files()
    await refuse_unfit_redis(app.services.state)
    with (
        server.listen(settings.host, settings.port, "PORT") as public_socket,
        server.listen(settings.host, settings.ops_port, "OPS_PORT") as ops_socket,
    ):
        port, ops_port = public_socket.getsockname()[1], ops_socket.getsockname()[1]
        log.info("listening", host=settings.host, port=port, ops_port=ops_port)
        async with asyncio.TaskGroup() as group:
            process = _Process(group, public_socket, ops_socket, settings.drain_seconds)
            process.start(app)
            process.signals.install(None if again is None else lambda: process.reload(again))
            extra = None if beside is None else group.create_task(beside(port, ops_port))
            await process.ended.wait()
            if extra is not None:
                extra.cancel()


class _Process:
    """The applications that this process serves on its two ports: one, or two for a short time after SIGHUP."""

    def __init__(
        self, group: asyncio.TaskGroup, public: socket.socket, ops: socket.socket, drain_seconds: float
    ) -> None:
        self.ended = asyncio.Event()
        self.signals = Signals(self.stop, drain_seconds)
        self._group = group
        self._public = public
        self._ops = ops
        self._serving: list[tuple[uvicorn.Server, Application]] = []
        self._stopping = False

    def start(self, app: Application) -> None:
        """Serve an application. The previous application ends when the new application accepts requests."""
        app.services.metrics.workers(1)
        app.services.checks.add("draining", self.signals.serving, DRAINING)
        public, before = make_public(app), list(self._serving)
        self._serving.append((public, app))
        self._group.create_task(self._serve(public, app))
        self._group.create_task(self._replace(before, public))

    def stop(self) -> None:
        """Finish the open requests, and then stop."""
        self._stopping = True
        self._public.close()  # from now on connections are refused
        for public, app in self._serving:
            stop_serving(public, app)

    def reload(self, again: MakeApp) -> None:
        """Read the settings and their files again and use them. If they are refused, change nothing."""
        if self._stopping or self.signals.draining:
            return
        try:
            app = again()
        except (SettingsRefused, PageInboxError) as refused:
            names = [name for name, _ in refused.problems] if isinstance(refused, SettingsRefused) else []
            log.error("settings_refused", settings=", ".join(names))  # noqa: TRY400 - no bug of ours
            return
        log.info("settings_read_again")
        self.start(app)

    async def _serve(self, public: uvicorn.Server, app: Application) -> None:
        ops = server.make_server(app.ops)
        serving_ops = self._group.create_task(ops.serve([self._ops.dup()]))
        try:
            await public.serve(server.accepting(self._public))
        finally:
            ops.should_exit = True
            self._serving.remove((public, app))
        await serving_ops
        if not self._serving:
            self.ended.set()

    async def _replace(self, before: list[tuple[uvicorn.Server, Application]], public: uvicorn.Server) -> None:
        if not await server.started(public):
            return
        for old, _ in before:
            for listening in old.servers:
                listening.close()
        # Some callers have connected to the old application and send their first request now. If the application
        # stopped now, it would close these connections without an answer.
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENT_SECONDS):
                await self.ended.wait()
        for old, app in before:
            stop_serving(old, app)
