"""`/webhook` as an ASGI application. The receiver handles deliveries. This module answers the handshake."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs

from domain.secret import Secret
from ops.access_log import AccessLog, LogEntry
from webhook.errors import BodyTooLarge, HandshakeRefused
from webhook.handshake import challenge
from webhook.receiver import Answer, DeliveryRequest, Receiver

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Request(DeliveryRequest):
    """A delivery whose answer is a future."""

    __slots__ = ("answered",)

    def __init__(self, scope: Scope, began: float) -> None:
        signatures = [value for name, value in scope["headers"] if name == b"x-hub-signature-256"]
        signature = b"" if len(signatures) > 1 else next(iter(signatures), None)  # two are refused as malformed
        super().__init__(signature, _agent(scope), _client(scope), began)
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def answer(self, answer: Answer) -> None:
        """Set the answer."""
        self.answered.set_result(answer)


class Webhook:
    """The ASGI application of `/webhook`."""

    def __init__(
        self,
        receiver: Receiver,
        access_log: AccessLog,
        *,
        verify_token: Secret,
        max_body_bytes: int,
        new_request_id: Callable[[], str],
    ) -> None:
        self._receiver = receiver
        self._access_log = access_log
        self._verify_token = verify_token
        self._max_body_bytes = max_body_bytes
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "POST":
            answer = await self._deliver(scope, receive)
        else:
            answer = self._answer_other(scope)
        if answer is not None:
            status, headers, body = answer
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _deliver(self, scope: Scope, receive: Receive) -> Answer | None:
        """Returns the answer to a delivery, or None if the sender has closed the connection."""
        request = _Request(scope, self._receiver.clock())
        try:
            body = await self._body(scope, receive)
        except BodyTooLarge as error:
            self._receiver.refuse(request, error)
        else:
            if body is None:
                return None
            request.body = body
            self._receiver.receive(request)
        # Shielded, because the receiver answers each request once, even if this task is cancelled.
        return await asyncio.shield(request.answered)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Returns the whole body, or None if the sender has closed the connection. This method has no time limit,
        because the public port limits the time of a body (app/edge_connection.py).

        Raises:
            BodyTooLarge: the body has more bytes than the limit.
        """
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self._max_body_bytes:
                raise BodyTooLarge
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_body_bytes:
                raise BodyTooLarge
            more = message.get("more_body", False)
        return b"".join(parts)

    def _answer_other(self, scope: Scope) -> Answer:
        began, request_id, reason = self._receiver.clock(), self._new_request_id(), None
        method = scope["method"]
        if method in {"GET", "HEAD"}:
            try:
                answer = self._handshake(scope)
            except HandshakeRefused as error:
                answer, reason = self._receiver.error_answer(error, request_id)
        else:
            answer = Answer(405, [(b"allow", b"GET, HEAD, POST"), (b"content-length", b"0")], b"")
        seconds = self._receiver.clock() - began
        entry = LogEntry(method, answer.status, seconds, request_id, _client(scope), _agent(scope), reason)
        self._access_log.add(entry)
        return answer

    def _handshake(self, scope: Scope) -> Answer:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
        modes, tokens, challenges = (query.get(f"hub.{name}", []) for name in ("mode", "verify_token", "challenge"))
        # The challenge is answered byte for byte, even if its bytes are not UTF-8.
        answer = challenge(modes, tokens, challenges, self._verify_token).encode("utf-8", "surrogateescape")
        return Answer(200, [*_PLAIN, (b"content-length", b"%d" % len(answer))], answer)


def _agent(scope: Scope) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == b"user-agent"), None)


def _client(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


_PLAIN: Final = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
