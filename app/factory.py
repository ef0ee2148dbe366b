"""`create_app` makes the application. Production, the demo and tests all use it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import exception_handlers, problem
from api.paths import keep_slashes
from api.route import to_starlette
from app.first_series import make_known
from app.routes import table
from app.wiring import Services
from domain.errors import PageInboxError
from ops import logs
from ops.access_log import PATH, AccessLog
from ops.hooks import NO_HOOKS, Hooks
from ops.middleware import RequestLog
from ops.routes import ops_app
from ops.settings import Settings
from webhook.receiver import Answer, Receiver
from webhook.routes import Webhook


class Application:
    """The public ASGI application. The server serves `outermost`: this application, or the tracing around it.

    `receiver` receives deliveries. `busy` is the application that refuses requests while too many are open. `ops` is
    the application of the operators' port.
    """

    def __init__(self, services: Services, hooks: Hooks) -> None:
        self.services = services
        self.outermost = hooks.around(self)
        self._hooks = hooks
        self.ops = ops_app(services.registry, services.checks)
        self.routes = table(services)
        make_known(services.metrics, self.routes)
        access_log = AccessLog(services.metrics, enabled=logs.enabled(services.settings.log_level))
        self.receiver = Receiver(
            services.writer,
            services.live,
            services.metrics,
            access_log,
            _error_answer,
            app_secrets=services.settings.app_secrets,
            clock=time.perf_counter,
            new_request_id=hooks.new_request_id,
        )
        self._webhook = Webhook(
            self.receiver,
            access_log,
            verify_token=services.verify_token,
            max_body_bytes=services.settings.max_body_bytes,
            new_request_id=hooks.new_request_id,
        )
        self.busy = RequestLog(_busy, metrics=services.metrics, new_id=hooks.new_request_id)
        self._rest = self._starlette()

    def _starlette(self) -> ASGIApp:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await self.services.open()
            try:
                yield
            finally:
                await self.services.close()
                self._hooks.close()

        middleware = []
        if self.services.settings.cors_origins:
            middleware.append(
                Middleware(
                    CORSMiddleware,
                    allow_origins=self.services.settings.cors_origins,
                    allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                    allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
                    expose_headers=["X-Request-Id", "Retry-After"],
                )
            )
        inner = Starlette(
            routes=to_starlette(self.routes, self.services.tokens, self.services.audit, self.services.tickets),
            middleware=middleware,
            exception_handlers=exception_handlers(),
            lifespan=lifespan,
        )
        inner.router.redirect_slashes = False
        return RequestLog(inner, metrics=self.services.metrics, new_id=self._hooks.new_request_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a delivery to the receiver, and every other request to Starlette."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._webhook(scope, receive, send)
        else:
            keep_slashes(scope)
            await self._rest(scope, receive, send)


def create_app(settings: Settings, hooks: Hooks = NO_HOOKS) -> Application:
    """Returns the application for these settings.

    Raises:
        SettingMissing: a secret or Redis is not set. `serve` refuses such settings earlier.
    """
    return Application(Services(settings, hooks), hooks)


def _error_answer(error: PageInboxError, request_id: str) -> Answer:
    response = problem(error, request_id)
    return Answer(response.status_code, response.raw_headers, bytes(response.body))


class _TooManyRequests(PageInboxError):
    kind = "unavailable"


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    error = _TooManyRequests("too_many_requests", "Too many requests are open, streams included. Close some, or retry.")
    await problem(error, scope["state"]["request_id"])(scope, receive, send)
