"""The short way for a delivery that came whole: from uvicorn's parser to webhook/express.py and back, past ASGI.

A signed POST of `/webhook` with a short body, all of it read at once, costs no task, scope and queue of events of its
own: half of what a request costs in uvicorn. Whatever is not just that (another route or method, a long or a slow body,
a sender who wants `100 Continue` first, requests sent ahead) goes the usual way, as everything does while the senders'
line is kept or with tracing. docs/adr/0022-the-hot-path.md
"""

from functools import lru_cache, partial
from typing import Any, Final

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.connections import Connection, Connections
from domain.audit import client_address
from webhook.answers import ACCEPTED, PATH, Answer
from webhook.express import Express

SHORT_BYTES: Final = 65_536
"""A longer body seldom comes in one piece."""
_MOST_DIGITS: Final = 8
_CALLERS: Final = 4096
_LONGEST_FORWARDED: Final = 256
"""Bytes of X-Forwarded-For on the short way: a chain of five proxies. The cache of callers keeps the header's text."""
_PATH: Final = PATH.encode()


class ExpressConnections(Connections):
    """All connections of a server that has the short way."""

    def __init__(self, express: Express, longest: int, *given: Any) -> None:
        super().__init__(*given)
        self.express = express
        self.longest = min(SHORT_BYTES, longest)
        self.caller = lru_cache(maxsize=_CALLERS)(_caller)
        self._headers: object = None
        self._accepted = b""

    def protocol(self) -> Any:
        """What uvicorn makes its connections with."""
        return partial(ExpressConnection, self)

    def written(self, answer: Answer, defaults: list[tuple[bytes, bytes]]) -> bytes:
        """An answer as it travels; `defaults` are the server's own headers, other ones each second."""
        if answer is not ACCEPTED:
            return _written(answer, defaults)
        if self._headers is not defaults:
            self._headers, self._accepted = defaults, _written(answer, defaults)
        return self._accepted


class Delivery:
    """One such request. While it is under way, it stands where uvicorn expects its cycle of request and answer."""

    __slots__ = (
        *("_connection", "agent", "began", "body", "client", "disconnected", "keep_alive", "message_event"),
        *("response_complete", "signature"),
    )

    def __init__(
        self,
        connection: "ExpressConnection",
        signature: bytes | None,
        client: str | None,
        agent: bytes | None,
        began: float,
    ) -> None:
        self._connection = connection
        self.body = b""
        self.signature = signature
        self.client = client
        self.agent = agent
        self.began = began
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _NOBODY_WAITS

    def answer(self, answer: Answer) -> None:
        """Send the answer; nothing where the sender has gone."""
        self.response_complete = True
        self._connection.send(answer, self.keep_alive)


class ExpressConnection(Connection):
    """A connection that looks at each head whether the short way will do."""

    def __init__(self, all_of_them: ExpressConnections, **given: Any) -> None:
        super().__init__(all_of_them, **given)
        self._lane = all_of_them
        self._delivery: Delivery | None = None
        """The one whose body is being read."""
        self._trusted = self.app.trusted_hosts if isinstance(self.app, ProxyHeadersMiddleware) else ()

    def data_received(self, data: bytes) -> None:
        """What is not whole after one read goes the usual way."""
        super().data_received(data)
        if self._delivery is not None and not self.transport.is_closing():
            body, self._delivery = self._delivery.body, None
            self._usual_head()
            if body:
                super().on_body(body)

    def on_message_begin(self) -> None:
        """The first byte of a head; what uvicorn notes of it is noted when it is needed."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._delivery = None
        self.head_began()

    def on_headers_complete(self) -> None:
        """A whole head."""
        delivery = self._short_way()
        if delivery is None:
            self._usual_head()
        else:
            self.head_came()
            self._delivery = delivery

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        if self._delivery is None:
            super().on_body(body)
        else:
            self._delivery.body = self._delivery.body + body if self._delivery.body else body

    def on_message_complete(self) -> None:
        """A whole request."""
        delivery = self._delivery
        if delivery is None:
            super().on_message_complete()
            return
        self._delivery = None
        self.cycle = delivery  # type: ignore[assignment]
        self.request_came()
        self._lane.express.arrive(delivery)

    def send(self, answer: Answer, keep_alive: bool) -> None:
        """The answer to a delivery."""
        transport = self.transport
        if transport.is_closing():
            return
        written = self._lane.written(answer, self.server_state.default_headers)
        if not keep_alive and b"\r\nconnection: close\r\n" not in written:
            written = written.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
        transport.write(written)
        if not keep_alive:
            transport.close()
        if self.pipeline:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self.answered()

    def _short_way(self) -> Delivery | None:
        """The delivery that this head begins, if the short way will do."""
        lane, parser = self._lane, self.parser
        busy = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]
        if self.url != _PATH or busy or self.pipeline or self.flow.write_paused or not lane.express.open:
            return None
        if parser.get_method() != b"POST" or self.expect_100_continue or parser.should_upgrade():
            return None
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive():
            return None
        headers = dict(self.headers)
        length = headers.get(b"content-length", b"")
        if len(headers) != len(self.headers) or b"transfer-encoding" in headers or not length.isdigit():
            return None  # among others what is said twice
        if len(length) > _MOST_DIGITS or not 0 < int(length) <= lane.longest:
            return None
        client, forwarded = self.client, headers.get(b"x-forwarded-for")
        if forwarded and len(forwarded) > _LONGEST_FORWARDED:
            return None
        return Delivery(
            self,
            headers.get(b"x-hub-signature-256"),
            lane.caller(self._trusted, client, forwarded) if forwarded else client and client[0],
            headers.get(b"user-agent"),
            lane.express.clock(),
        )

    def _usual_head(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()


class _Nobody:
    def set(self) -> None:
        """Wake nobody."""


_NOBODY_WAITS: Final = _Nobody()


def _caller(trusted: Any, peer: tuple[str, int] | None, forwarded: bytes) -> str | None:
    """As uvicorn's ProxyHeadersMiddleware tells it."""
    host = peer[0] if peer else None
    if host in trusted:
        return client_address(trusted.get_trusted_client_address(forwarded.decode("latin-1"))[0] or host)
    return host


def _written(answer: Answer, defaults: list[tuple[bytes, bytes]]) -> bytes:
    status, headers, body = answer
    lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in (*defaults, *headers)), b"\r\n", body]
    return b"".join(lines)
