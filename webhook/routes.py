"""`/webhook`, as plain ASGI: it is called for every message, and a framework would cost as much as storing it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs

from domain.secret import Secret
from webhook.answers import ACCEPTED, TOO_SLOW, Answer, Answered, Answers
from webhook.errors import BodyTooLarge, NotInTime, SignatureRefused
from webhook.express import ANSWER_SECONDS
from webhook.handshake import challenge
from webhook.intake import Intake
from webhook.turns import Turns

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Webhook:
    """The ASGI application behind `/webhook`. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        intake: Intake,
        answers: Answers,
        turns: Turns,
        *,
        verify_token: Secret,
        max_body_bytes: int,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
    ) -> None:
        self._intake = intake
        self._answers = answers
        self._verify_token = verify_token
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._turns = turns
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and write its line."""
        began = self._clock()
        request_id = self._new_request_id()
        method: str = scope["method"]
        facts: dict[str, Any] = {}
        try:
            if method == "POST":
                answer = await self._delivery(scope, receive, facts)
            elif method in {"GET", "HEAD"}:
                answer = self._handshake(scope)
            else:
                answer = 405, [(b"allow", b"GET, HEAD, POST"), (b"content-length", b"0")], b""
        except TimeoutError:
            facts["reason"] = "body_too_slow"
            answer = TOO_SLOW
        except ConnectionResetError:
            return  # the sender has gone: there is nobody to answer
        except Exception as error:  # noqa: BLE001 - `of_error` logs it
            answer = self._answers.of_error(error, request_id, facts)
        status, headers, body = answer
        seconds = self._clock() - began
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
        client, agent = scope.get("client"), _agent(scope["headers"])
        told = Answered(method, status, seconds, request_id, client[0] if client else None, agent, facts)
        self._answers.tell([told])

    async def _delivery(self, scope: Scope, receive: Receive, facts: dict[str, Any]) -> Answer:
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
                facts["body_bytes"] = len(body)
        self._turns.genuine(sender)
        facts.update(taken.outcomes)
        return ACCEPTED

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

    def _handshake(self, scope: Scope) -> Answer:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
        modes, tokens, challenges = (query.get(f"hub.{name}", []) for name in ("mode", "verify_token", "challenge"))
        # Byte for byte: what was no UTF-8 comes back as it came.
        answer = challenge(modes, tokens, challenges, self._verify_token).encode("utf-8", "surrogateescape")
        return 200, [*_PLAIN, (b"content-length", b"%d" % len(answer))], answer


_PLAIN: Final = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


def _agent(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == b"user-agent":
            return value
    return None
