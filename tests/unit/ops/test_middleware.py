"""The middleware writes one line per request, with one id and one duration."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from ops.access_log import new_request_id
from ops.metrics import Metrics
from ops.middleware import RequestLog


class Clock:
    """A clock that moves a quarter of a second at each call."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


async def messages(request: Request) -> Response:
    """Answer, and bind the caller to the log line."""
    request.state.log.update(shop="sokha", subject="anna", event="mine", status=999)
    return PlainTextResponse(request.state.request_id)


async def broken(_request: Request) -> Response:
    """Raise an error."""
    raise ValueError("hello 012345678")


def wrapped(app: ASGIApp | None = None) -> tuple[RequestLog, CollectorRegistry]:
    """Returns the middleware around an application with a few routes."""
    registry = CollectorRegistry()
    inner = app or Starlette(
        routes=[
            Route("/v1/shops/{shop}/messages", messages),
            Route("/broken", broken),
            Mount("/sub", routes=[Route("/{id:int}", messages)]),
        ]
    )
    ids = iter(f"id-{n}" for n in range(9))
    return RequestLog(inner, metrics=Metrics(registry), clock=Clock(), new_id=lambda: next(ids)), registry


def get(path: str, app: RequestLog, method: str = "GET", **headers: str) -> tuple[Any, list[Any]]:
    """Returns the answer and the log lines."""
    client = TestClient(app, raise_server_exceptions=False, client=("203.0.113.7", 4711))
    with capture_logs() as lines:
        answer = client.request(method, path, headers={"user-agent": "tester/1", **headers})
    return answer, list(lines)


def test_a_request_is_logged_in_one_line_with_its_route_template() -> None:
    """The line has no path and no query. It has the fields that the handler bound, but such a field cannot replace
    a fact of the request.
    """
    app, registry = wrapped()
    answer, lines = get("/v1/shops/sokha/messages?cursor=secret", app)
    assert lines == [
        {
            "event": "request", "log_level": "info", "shop": "sokha", "subject": "anna", "method": "GET",
            "route": "/v1/shops/{shop}/messages", "status": 200, "duration_ms": 250.0, "request_id": "id-0",
            "client": "203.0.113.7", "user_agent": "tester/1",
        }
    ]  # fmt: skip
    assert (answer.text, answer.headers["x-request-id"]) == ("id-0", "id-0")
    labels = {"route": "/v1/shops/{shop}/messages", "method": "GET"}
    assert registry.get_sample_value("page_inbox_requests_total", {**labels, "status": "200"}) == 1
    assert registry.get_sample_value("page_inbox_request_seconds_sum", labels) == 0.25


def test_a_request_id_from_the_caller_is_ignored() -> None:
    """A caller cannot write an id into our log."""
    answer, lines = get("/v1/shops/sokha/messages", wrapped()[0], **{"X-Request-Id": "evil"})
    assert answer.headers["x-request-id"] == lines[0]["request_id"] == "id-0"


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/nowhere/secret", "unmatched", 404),
        ("POST", "/v1/shops/sokha/messages", "/v1/shops/{shop}/messages", 405),
        ("GET", "/sub/5", "/{id}", 200),
    ],
)
def test_the_route_is_logged_for_every_status(method: str, path: str, route: str, status: int) -> None:
    """The path of an unknown route is not a label."""
    _, lines = get(path, wrapped()[0], method)
    assert (lines[0]["route"], lines[0]["status"]) == (route, status)


def test_an_unknown_method_is_logged_as_other() -> None:
    """A client can send any method."""
    _, lines = get("/", wrapped()[0], "BREW")
    assert lines[0]["method"] == "other"


def test_an_unhandled_exception_is_logged_in_the_same_line_and_raised_again() -> None:
    """The logger's processors add the class and the places."""
    app, registry = wrapped()
    answer, (line,) = get("/broken", app)
    assert (line["log_level"], line["status"], type(line["exc_info"])) == ("error", 500, ValueError)
    assert answer.headers["x-request-id"] == "id-0"
    labels = {"route": "/broken", "method": "GET", "status": "500"}
    assert registry.get_sample_value("page_inbox_requests_total", labels) == 1
    with pytest.raises(ValueError, match="hello"):
        TestClient(wrapped()[0]).get("/broken")


def test_a_long_user_agent_is_cut() -> None:
    """The line keeps 200 characters."""
    _, lines = get("/sub/5", wrapped()[0], **{"user-agent": "x" * 5000})
    assert lines[0]["user_agent"] == "x" * 200


def test_a_plain_application_names_its_own_route() -> None:
    """The fast path is not a Starlette route."""

    async def plain(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["state"]["route"] = "/webhook"
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    _, lines = get("/x", wrapped(plain)[0])
    assert (lines[0]["route"], lines[0]["status"]) == ("/webhook", 204)


async def ask(app: RequestLog, scope: dict[str, Any]) -> list[Message]:
    """Returns what a bare ASGI call sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    await app(scope, receive, send)
    return sent


async def test_a_client_that_disconnects_before_the_answer_is_logged_as_499() -> None:
    """The line has 499 and not 500, because the service has made no error."""
    started = asyncio.Event()

    async def waiting(_scope: Scope, _receive: Receive, _send: Send) -> None:
        started.set()
        await asyncio.Event().wait()

    app, _ = wrapped(waiting)
    with capture_logs() as lines:
        task = asyncio.create_task(ask(app, {"type": "http", "method": "GET", "headers": []}))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (lines[0]["status"], lines[0]["client"]) == (499, None)


async def test_other_asgi_events_pass_through_unchanged() -> None:
    """Lifespan events are an example."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    with capture_logs() as lines:
        await ask(wrapped(app)[0], {"type": "lifespan"})
    assert seen == [{"type": "lifespan"}]
    assert lines == []


def test_ids_are_short_and_differ() -> None:
    """An id has 16 hexadecimal digits."""
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in ids)
