"""A connection whose requests are answered by the ASGI application.

The handler of a request starts when the request is complete, so a slow body needs no task. A complete delivery does not
wait for other requests. Other requests wait for their turn among the requests of all callers (app/callers.py).
"""

from functools import partial
from typing import Any, Final

from app.callers import Preparation
from app.edge import Edge
from app.edge_connection import EdgeConnection
from app.framing import declared_bytes
from ops.access_log import PATH

OTHER_BODY_BYTES: Final = 64 * 1024
"""No handler accepts a larger body. The handler of a longer request starts before the request is complete. It refuses
the request."""
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
"""Methods whose body no handler reads. The body is dropped when it arrives."""
_SHOPS: Final = "/v1/shops/"


class AsgiConnection(EdgeConnection):
    """A connection. The application `busy` refuses the requests that `Callers` does not admit."""

    def __init__(self, edge: Edge, busy: Any, max_body_bytes: int, **given: Any) -> None:
        super().__init__(edge, max_body_bytes, **given)
        self._busy = busy
        self._upgrading = False
        self._incomplete: Any = None
        """The request cycle that starts when its request is complete."""

    def on_message_begin(self) -> None:
        """Called at the first byte of a head."""
        super().on_message_begin()
        self.begin_head()

    def on_headers_complete(self) -> None:
        """Called when a head is complete."""
        self.check_head()
        self._upgrading = self.parser.should_upgrade()
        if self._upgrading:
            return  # `_parse` reads the head again, without the Upgrade header
        self._note_caller()
        super().on_headers_complete()
        cycle = self.cycle
        self.begin_body(_is_delivery(cycle))
        if self.expect_100_continue:
            cycle.keep_alive = False  # a sender that gets an early answer may never send the body
        if self._incomplete is cycle:
            if declared_bytes(self.headers) > self._most_body_bytes():
                self._start()
            elif self.expect_100_continue:
                cycle.waiting_for_100_continue = False
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.headers = []  # headers after a chunked body do not belong to the request

    def on_body(self, body: bytes) -> None:
        """Called for each part of a body."""
        self.count_part(body)
        cycle = self.cycle
        if cycle.scope["method"] in _WITHOUT_BODY:
            return
        super().on_body(body)
        if self._incomplete is cycle:
            if len(cycle.body) > self._most_body_bytes():
                self._start()
            else:
                self.flow.resume_reading()  # uvicorn pauses until a handler reads, and no handler runs yet

    def on_message_complete(self) -> None:
        """Called when a request is complete."""
        if self._upgrading:
            return
        super().on_message_complete()
        cycle = self.cycle
        self.complete_request()
        if cycle.scope["method"] in _WITHOUT_BODY:
            self.edge.release(self)
        if self._incomplete is cycle:
            self._start()

    def _note_caller(self) -> None:
        """Note the caller's address and the scheme in the scope, as a trusted proxy reports them."""
        host = self.address(b", ".join([value for name, value in self.headers if name == b"x-forwarded-for"]))
        self.scope["client"] = None if host is None else (host, 0)
        scheme = dict(self.headers).get(b"x-forwarded-proto", b"").strip()
        if self.from_proxy and scheme in {b"http", b"https"}:
            self.scope["scheme"] = scheme.decode()

    def _most_body_bytes(self) -> int:
        return self.max_body_bytes if self.delivery else OTHER_BODY_BYTES

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Called by uvicorn when the request is the next request to answer."""
        self._incomplete = cycle
        if not cycle.more_body:
            self._start()

    def _start(self) -> None:
        """Start a delivery now. Other requests wait for their turn among the requests of all callers."""
        cycle, self._incomplete = self._incomplete, None
        if _is_delivery(cycle):
            super()._start_asgi_task(cycle, self.app)
        else:
            scope = cycle.scope
            token, shop = _token(scope["headers"]), _shop(scope["path"])
            self.caller = self.edge.callers.caller_of(token, shop) or (scope["client"][0] if scope["client"] else "")
            self.queued = True
            self.edge.callers.start(self.caller, partial(self._start_other, cycle, self.caller, token, shop))

    def _start_other(self, cycle: Any, caller: str, token: str, shop: str, prepared: Preparation) -> None:
        self.queued = False
        if self.transport.is_closing():
            prepared()
            return
        callers = self.edge.callers
        admitted = callers.admit(caller)

        async def run(scope: Any, receive: Any, send: Any) -> None:
            async def send_prepared(message: Any) -> None:
                prepared()
                if admitted and token and shop and message["type"] == "http.response.start":
                    # The guard of the route sets this shop when it has verified the token for the shop.
                    if scope["state"].get("log", {}).get("shop") == shop and message["status"] not in (401, 403):
                        callers.verified(token, shop)
                    else:
                        callers.refused(token, shop)
                await send(message)

            scope["state"]["prepared"] = prepared  # the guard of a route that waits for Facebook calls it
            try:
                await (self.app if admitted else self._busy)(scope, receive, send_prepared)
            finally:
                prepared()
                if admitted:
                    callers.ended(caller)

        super()._start_asgi_task(cycle, run)


def _is_delivery(cycle: Any) -> bool:
    return bool(cycle.scope["path"] == PATH and cycle.scope["method"] == "POST")


def _token(headers: list[tuple[bytes, bytes]]) -> str:
    """Returns a name for the request's token. The name does not reveal the token."""
    return next((str(hash(value)) for name, value in headers if name == b"authorization"), "")


def _shop(path: str) -> str:
    """Returns the shop in a path of the API, and an empty string for any other path."""
    return path[len(_SHOPS) :].partition("/")[0] if path.startswith(_SHOPS) else ""
