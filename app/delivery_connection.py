"""The fast path for deliveries: from uvicorn's parser to the receiver, without a scope, a task or messages of ASGI.

A request takes the fast path if it is a usual POST of `/webhook`: it has a length and no repeated header, and no other
request of the connection is in progress. `_enters` has all conditions. Every other delivery reaches the same receiver
through ASGI. docs/adr/0022-the-hot-path.md has the figures.
"""

from functools import lru_cache
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.asgi_connection import AsgiConnection
from ops.access_log import PATH
from webhook.receiver import ACCEPTED, Answer, DeliveryRequest, Receiver

_PATH: Final = PATH.encode()
Defaults = tuple[tuple[bytes, bytes], ...]


class _Event:
    def set(self) -> None:
        """Do nothing, because no task waits for this event."""


class DeliveryCycle(DeliveryRequest):
    """A delivery in progress. uvicorn uses it like its own request cycle, so it has the same attributes."""

    __slots__ = ("_connection", "disconnected", "keep_alive", "parts", "response_complete")
    message_event = _Event()

    def __init__(
        self,
        connection: "DeliveryConnection",
        signature: bytes | None,
        agent: bytes | None,
        client: str | None,
        began: float,
    ) -> None:
        super().__init__(signature, agent, client, began)
        self._connection = connection
        self.parts: list[bytes] = []
        self.disconnected = self.response_complete = False
        self.keep_alive = True

    def answer(self, answer: Answer) -> None:
        """Send the answer. Do nothing if the sender has closed the connection."""
        self.response_complete = True
        self._connection.send(answer, self.keep_alive)


class DeliveryConnection(AsgiConnection):
    """A connection with the fast path."""

    def __init__(self, receiver: Receiver, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._receiver = receiver
        self._delivery: DeliveryCycle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the connection is closed. The delivery and the connection refer to each other. Without this
        method, an incomplete body would stay in memory until the garbage collector runs. The collector counts new
        objects and not their bytes, so it may run late.
        """
        if self._delivery is not None:
            self._delivery.parts = []
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Called at the first byte of a head. uvicorn's scope is made only for a request outside the fast path."""
        self.url, self.headers, self.expect_100_continue, self._delivery = b"", [], False, None
        self.begin_head()

    def on_headers_complete(self) -> None:
        """Called when a head is complete."""
        headers = self.headers
        fields = dict(headers)
        if len(fields) < len(headers) or not self._enters(fields):
            url, expects = self.url, self.expect_100_continue
            HttpToolsProtocol.on_message_begin(self)
            self.url, self.expect_100_continue = url, expects
            self.headers += headers
            super().on_headers_complete()
            return
        self.check_head()
        self.begin_body(delivery=True)
        client = self.address(fields.get(b"x-forwarded-for", b""))
        signature, agent = fields.get(b"x-hub-signature-256"), fields.get(b"user-agent")
        self._delivery = DeliveryCycle(self, signature, agent, client, self._receiver.clock())
        self.cycle = self._delivery  # type: ignore[assignment]
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Called for each part of a body."""
        if self._delivery is None:
            super().on_body(body)
        else:
            self.count_part(body)
            self._delivery.parts.append(body)

    def on_message_complete(self) -> None:
        """Called when a request is complete."""
        delivery, self._delivery = self._delivery, None
        if delivery is None:
            super().on_message_complete()
        else:
            delivery.body, delivery.parts = b"".join(delivery.parts), []
            self.complete_request()
            self._receiver.receive(delivery)

    def send(self, answer: Answer, keep_alive: bool) -> None:
        """Send the answer to a delivery."""
        if self.transport.is_closing():
            return
        written = _written(answer, tuple(self.server_state.default_headers))
        if not keep_alive:
            written = written.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
        self.transport.write(written)
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _enters(self, fields: dict[bytes, bytes]) -> bool:
        parser = self.parser
        if self.url != _PATH or parser.get_method() != b"POST" or parser.should_upgrade() or self.expect_100_continue:
            return False
        if not (self.cycle is None or self.cycle.response_complete) or not parser.should_keep_alive():  # type: ignore[redundant-expr]
            return False
        length = fields.get(b"content-length", b"")
        return length.isdigit() and 0 < int(length[:20]) <= self.max_body_bytes and parser.get_http_version() == "1.1"


def _written(answer: Answer, defaults: Defaults) -> bytes:
    """Returns an answer as bytes. `defaults` are the server's own headers, which change once per second."""
    return _accepted(defaults) if answer is ACCEPTED else _joined(answer, defaults)


@lru_cache(maxsize=2)
def _accepted(defaults: Defaults) -> bytes:
    """Returns the usual answer. It is made once per second and not for each delivery."""
    return _joined(ACCEPTED, defaults)


def _joined(answer: Answer, defaults: Defaults) -> bytes:
    status, headers, body = answer
    return b"".join([STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in (*defaults, *headers)), b"\r\n", body])
