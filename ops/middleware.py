"""Gives every request that Starlette handles one log line, one request id and one measurement of its time.

The service makes the id itself. An id from a caller could bring text into the log, or be the same for two requests. The
line has the route's template, never the path or the query.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ops.access_log import new_request_id
from ops.metrics import Metrics, known_method

UNMATCHED = "unmatched"
"""The route of a path that no template matches."""

CLIENT_GONE = 499
"""The status that is logged when the client left, or the server stopped, before an answer began."""

_AGENT = 200
"""Characters of a user agent that are logged."""


class RequestLog:
    """Wraps an application.

    Provides in `scope["state"]`: `request_id`, and `log`, a dict in which a handler puts fields for the line (`shop`,
    `subject`; ops/redact.py lists the keys that pass). A handler that is not a Starlette route puts its template into
    `scope["state"]["route"]`. The answer has the id as `X-Request-Id`. An unhandled exception is logged by class and
    places, and raised again.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        clock: Callable[[], float] = time.perf_counter,
        new_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock
        self._new_id = new_id
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock()
        request_id = self._new_id()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["log"] = {}
        status: int | None = None
        error: Exception | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as raised:
            error = raised
            raise
        finally:
            if status is None:
                status = 500 if error else CLIENT_GONE
            seconds = self._clock() - started
            line = _line(scope, state, status, seconds)
            self._metrics.request(line["route"], line["method"], status, seconds)
            if error:
                self._log.error("request", **line, exc_info=error)
            else:
                self._log.info("request", **line)


def _line(scope: Scope, state: dict[str, Any], status: int, seconds: float) -> dict[str, Any]:
    """Returns the fields of the line. A field of a handler never replaces a field that this function makes."""
    route = scope.get("route")
    template = state.get("route") or getattr(route, "path_format", None) or getattr(route, "path", None)
    client = scope.get("client")
    line = {
        **state["log"],
        "method": known_method(scope["method"]),
        "route": template or UNMATCHED,
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "request_id": state["request_id"],
        "client": client[0] if client else None,
    }
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), None)
    if agent is not None:
        line["user_agent"] = agent[:_AGENT].decode("latin-1")
    line.pop("event", None)  # the line's own slug
    return line
