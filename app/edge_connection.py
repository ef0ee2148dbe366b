"""One connection of the public port: uvicorn's HTTP protocol with limits. A subclass handles the requests.

uvicorn parses requests and keeps the answers in order. But uvicorn does not limit the time, the number of parts and the
total bytes of requests. Without these limits, 30 connections that send their bodies in one-byte chunks can prevent
the service from answering a delivery.
"""

from functools import lru_cache
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.edge import (
    HEAD_BYTES,
    MOST_HEADERS,
    PIPELINED,
    Dropped,
    Edge,
    LimitedConnection,
)
from app.framing import refusal
from domain.audit import client_address

BYTES_PER_PART: Final = 64
"""The average size of a part that a body must have. Each part is a call of Python, so a body in smaller parts, for
example one-byte chunks, is refused."""
_FREE_PARTS: Final = 64
_FORWARDED_BYTES: Final = 256
"""Only this many bytes at the end of X-Forwarded-For are read. They are enough for a chain of five proxies. A sender
can begin the header with a text of any length, and the address cache must not keep this text."""
_ADDRESSES: Final = 4096


class Refused(Exception):
    """Raised to stop the parser when the connection is closed."""


class EdgeConnection(HttpToolsProtocol, LimitedConnection):
    """A connection and its limits. A subclass handles its requests."""

    def __init__(self, edge: Edge, max_body_bytes: int, **given: Any) -> None:
        super().__init__(**given)
        self.edge = edge
        self.max_body_bytes = max_body_bytes
        self.since = self.loop.time()
        self.from_proxy = False
        """Whether the other side is a trusted proxy."""
        self._parts = self._body_bytes = 0
        # uvicorn puts its ProxyHeadersMiddleware around the application. The fast path has no ASGI scope. So the
        # connection takes the trusted proxies from the middleware and finds the caller's address itself.
        middleware: Any = self.app
        self._trusted, self.app = middleware.trusted_hosts, middleware.app

    def connection_made(self, transport: Any) -> None:
        """Called for a new connection."""
        super().connection_made(transport)
        self.from_proxy = self.client is not None and self.client[0] in self._trusted
        self.edge.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the connection is closed."""
        self.edge.closed(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Called when much of the answer is not read yet."""
        super().pause_writing()
        self.edge.unread(self)

    def resume_writing(self) -> None:
        """Called when most of the answer is read."""
        super().resume_writing()
        self.edge.read(self)

    def late(self) -> None:
        """Called when the phase has taken too long."""
        if self.phase == "rest":
            self.edge.closed(self)
            self.transport.close()
        elif self.phase == "head":
            self.edge.drop(self, "head_too_slow")
        elif self.cycle.response_complete:
            self.edge.drop(self, "body_too_slow")
        else:
            self._refuse("body_too_slow", 408)

    def data_received(self, data: bytes) -> None:
        """Called with the bytes of one or more requests."""
        self.edge.hold(self, len(data))
        if not self.transport.is_closing():
            self._parse(data)
            if (self.phase == "head" and self.held > HEAD_BYTES) or len(self.headers or ()) > MOST_HEADERS:
                self._refuse("head_too_large", 431)

    def on_response_complete(self) -> None:
        """Called when an answer is complete. Starts no timer of uvicorn, because `Edge` closes idle connections."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.phase == "answer" and self.cycle.response_complete:
            self.complete_answer()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        """Send the answer to bytes that are not a valid request."""
        if not self.transport.is_closing():
            self.edge.dropped("malformed")
            super().send_400_response(msg)

    def begin_head(self) -> None:
        """Note that a head is received now."""
        self.phase, self.since = "head", self.loop.time()
        self._parts = self._body_bytes = 0

    def check_head(self) -> None:
        """Raise Refused if this head is too large, the end of its request is not clear, or too many requests wait."""
        if len(self.headers) > MOST_HEADERS or self.held > HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > HEAD_BYTES or len(self.headers) > MOST_HEADERS:
                self._refuse("head_too_large", 431)
                raise Refused
        status = refusal(self.parser.get_method(), self.parser.get_http_version(), self.headers)
        if status is not None:
            self._refuse("malformed", status)
            raise Refused
        if len(self.pipeline) >= PIPELINED:
            self.edge.drop(self, "pipelined")
            raise Refused

    def begin_body(self, delivery: bool) -> None:
        """Note that a body is received now, if the request has a body."""
        self.phase, self.since = "body", self.loop.time()
        if delivery != self.delivery:
            self.edge.change_share(self, delivery)

    def count_part(self, body: bytes) -> None:
        """Raise Refused when the parts of this body are too small."""
        self._parts += 1
        self._body_bytes += len(body)
        if self._parts > _FREE_PARTS + self._body_bytes // BYTES_PER_PART:
            self.edge.drop(self, "malformed")
            raise Refused

    def complete_request(self) -> None:
        """Note that the request is complete. Its sender waits for the answer, or sends the next request."""
        if self.cycle.response_complete:
            self.complete_answer()
        else:
            self.phase, self.since = "answer", self.loop.time()

    def complete_answer(self) -> None:
        """Note that the request and its answer are complete."""
        self.phase, self.since = "rest", self.loop.time()
        self.edge.release(self)

    def address(self, forwarded: bytes) -> str | None:
        """Returns the caller's address. If a trusted proxy sent the request, the address is in `forwarded`, the value
        of X-Forwarded-For.
        """
        host = self.client[0] if self.client else None
        if self.from_proxy and forwarded:
            return _forwarded(self._trusted, host, forwarded[-_FORWARDED_BYTES:])
        return host

    def _parse(self, data: bytes) -> None:
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                except HttpParserUpgrade as upgrade:
                    data = self._head_without_upgrade() + data[upgrade.args[0] :]
                else:
                    return
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _head_without_upgrade(self) -> bytes:
        """Returns the same head without the Upgrade header, for a new parser.

        If the head has this header, the parser ends the request after the head, and reads the body as the next request.
        """
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        return b"\r\n".join([*lines, b"", b""])

    def _refuse(self, reason: Dropped, status: int) -> None:
        if not self.transport.is_closing():
            last = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.edge.drop(self, reason, STATUS_LINE[status] + last)


@lru_cache(maxsize=_ADDRESSES)
def _forwarded(trusted: Any, host: str | None, forwarded: bytes) -> str | None:
    """Returns the last address that is not a trusted proxy."""
    return client_address(trusted.get_trusted_client_address(forwarded.decode("latin-1"))[0] or host)
