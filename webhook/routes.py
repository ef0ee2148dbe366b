"""`/webhook`, as plain ASGI: it is called for every message, and a framework would cost as much as storing it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import structlog

from domain.errors import PageInboxError
from domain.secret import Secret
from ops.metrics import Metrics
from webhook.errors import BodyTooLarge, NotInTime, SignatureRefused
from webhook.handshake import challenge
from webhook.intake import Intake
from webhook.turns import Turns

PATH: Final = "/webhook"
ANSWER_SECONDS: Final = 4.5
"""Facebook takes five seconds for a failure: whatever a delivery holds and however slow its way or the store, it is
answered before. https://developers.facebook.com/docs/messenger-platform/webhooks"""
_LONGEST_AGENT: Final = 200

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

log = structlog.get_logger()


class ErrorAnswer(Protocol):
    """How an error looks over HTTP; the one table of that is not ours."""

    def __call__(self, error: PageInboxError, request_id: str) -> tuple[int, Headers, bytes]:
        """Status, headers and body."""
        ...


class Webhook:
    """The ASGI application behind `/webhook`. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        intake: Intake,
        metrics: Metrics,
        *,
        verify_token: Secret,
        max_body_bytes: int,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
        error_answer: ErrorAnswer,
        log_line: Callable[[MutableMapping[str, Any]], None],
    ) -> None:
        self._intake = intake
        self._metrics = metrics
        self._verify_token = verify_token
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._turns = Turns(clock=clock)
        self._new_request_id = new_request_id
        self._error_answer = error_answer
        self._log_line = log_line
        for outcome in (*_DELIVERIES.values(), "failed"):
            metrics.delivery(outcome, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and write its line."""
        began = self._clock()
        request_id = self._new_request_id()
        method: str = scope["method"]
        facts: dict[str, Any] = {}
        headers: Headers
        try:
            if method == "POST":
                status, headers, body = await self._delivery(scope, receive, facts)
            elif method in {"GET", "HEAD"}:
                status, headers, body = self._handshake(scope)
            else:
                status, headers, body = 405, [(b"allow", b"GET, HEAD, POST"), (b"content-length", b"0")], b""
        except PageInboxError as error:
            facts["reason"] = error.reason
            status, headers, body = self._error_answer(error, request_id)
        except TimeoutError:
            facts["reason"] = "body_too_slow"
            status, headers, body = 408, [(b"content-length", b"0"), (b"connection", b"close")], b""
        except ConnectionResetError:
            return  # the sender has gone: there is nobody to answer
        except Exception:
            log.exception("request_failed", request_id=request_id, route=PATH)
            status, headers, body = 500, [(b"content-length", b"0")], b""
        seconds = self._clock() - began
        if method == "POST":
            self._metrics.delivery(_DELIVERIES.get(status, "failed"))
        self._metrics.request(PATH, method if method in _METHODS else "OTHER", status, seconds)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
        client = scope.get("client")
        facts["event"] = "request"
        facts["method"] = method if method in _METHODS else "OTHER"
        facts["route"] = PATH
        facts["status"] = status
        facts["duration_ms"] = round(seconds * 1000, 3)
        facts["request_id"] = request_id
        facts["client"] = client[0] if client else None
        facts["user_agent"] = _agent(scope["headers"])
        self._log_line(facts)

    async def _delivery(self, scope: Scope, receive: Receive, facts: dict[str, Any]) -> tuple[int, Headers, bytes]:
        signature: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"x-hub-signature-256":
                signature = value
            elif name == b"content-length" and value.isdigit() and int(value[:20]) > self._max_body_bytes:
                raise BodyTooLarge("body_too_large")
        body: bytes | None = None
        client = scope.get("client")
        sender = client[0] if client else ""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                body = await self._body(receive)
                await self._turns.wait(sender)
                taken = await self._intake.take(body, signature)
        except TimeoutError:
            if body is None:
                raise
            raise NotInTime from None
        except SignatureRefused:
            self._turns.forged(sender)
            raise
        finally:
            if body is not None:
                self._metrics.body(len(body))
                facts["body_bytes"] = len(body)
        self._turns.genuine(sender)
        facts.update(taken.outcomes)
        return 200, _EMPTY, b""

    async def _body(self, receive: Receive) -> bytes:
        message = await receive()
        if not message.get("more_body") and message["type"] == "http.request":
            whole: bytes = message.get("body", b"")
            if len(whole) > self._max_body_bytes:
                raise BodyTooLarge("body_too_large")
            return whole
        parts, size = [], 0
        while True:
            if message["type"] != "http.request":
                raise ConnectionResetError
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body_bytes:
                raise BodyTooLarge("body_too_large")
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)
            message = await receive()

    def _handshake(self, scope: Scope) -> tuple[int, Headers, bytes]:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
        modes, tokens, challenges = (query.get(f"hub.{name}", []) for name in ("mode", "verify_token", "challenge"))
        # Byte for byte: what was no UTF-8 comes back as it came.
        answer = challenge(modes, tokens, challenges, self._verify_token).encode("utf-8", "surrogateescape")
        return 200, [*_PLAIN, (b"content-length", b"%d" % len(answer))], answer


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DELIVERIES: Final = {
    200: "accepted",
    400: "not_json",
    401: "signature_refused",
    408: "too_slow",
    413: "too_large",
    503: "unavailable",
}
_EMPTY: Final = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
_PLAIN: Final = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


def _agent(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"user-agent":
            return value[:_LONGEST_AGENT].decode("latin-1")
    return None
