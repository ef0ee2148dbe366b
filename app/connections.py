"""What one sender may cost: uvicorn's HTTP connections, with the limits that it does not have itself.

Everything here happens before a request reaches the application, and nobody has shown a signature or a token yet. Heads
and bodies have a time to come in; what has come in and is not answered is bounded, for each head and for all together;
so is the number of connections. Dropped is who has waited longest or holds most: a genuine delivery is small and comes
in one piece. docs/adr/0021-what-a-sender-may-cost.md
"""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, Final, Literal, get_args

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.framing import refusal

HEAD_SECONDS: Final = 10.0
"""Limit: time for the head of a request. A telephone on a slow network needs one second."""
BODY_SECONDS: Final = 10.0
"""Limit: time for the body of a request. `/webhook` answers after 4.5 s in any case."""
KEEP_ALIVE_SECONDS: Final = 75
"""Between two requests. Longer than the 60 s of the usual proxies: the side that sends requests must be the one that
closes, or it may send one at that moment, and a POST that was cut off is a failure to whoever sent it."""
HEAD_BYTES: Final = 16 * 1024
"""Limit: bytes of the head of a request. A token and a dozen headers have 2,000. nginx takes 8 KiB in one line."""
MOST_HEADERS: Final = 100
"""Each is two objects in memory, however short it is."""
PIPELINED: Final = 8
"""Requests sent ahead of the answer to the first. Nobody does that today; one read of the socket may hold hundreds."""
MOST_BYTES: Final = 32 * 1024 * 1024
"""Of all requests that are not answered yet. A delivery has a few thousand bytes, seldom a million."""
MOST_CONNECTIONS: Final = 12_288
"""A connection at rest costs some 7 KiB; all of them, with the largest heads, fit into what a pod is given."""
SPARE_FILES: Final = 512
"""Open files for everything but the connections; a quarter of a thousand go to Redis."""
SWEEP_SECONDS: Final = 1.0
"""How often somebody looks who is late: one look at each connection is cheaper than a timer for each request."""
_DROPPED_AT_ONCE: Final = 64
"""Whoever is looked for in a full house is looked for among all, so not for each guest."""

Phase = Literal["rest", "head", "body", "answer"]
Dropped = Literal[
    "head_too_slow", "head_too_large", "body_too_slow", "malformed", "unfinished", "too_many", "pipelined"
]

_SECONDS: Final[dict[Phase, float]] = {
    "rest": KEEP_ALIVE_SECONDS + 2 * SWEEP_SECONDS,  # uvicorn's own timer is first, unless a sender holds it up
    # keeps: time for a head
    "head": HEAD_SECONDS,
    "body": BODY_SECONDS,
}
_TOO_SLOW: Final[dict[Phase, Dropped]] = {"head": "head_too_slow", "body": "body_too_slow"}
_LAST_ANSWER: Final = b"content-length: 0\r\nconnection: close\r\n\r\n"


class _Refused(Exception):
    """Ends the parsing of what was read: its sender is dropped."""


class Connections:
    """All connections of one server. `told` counts those that are dropped, by reason."""

    def __init__(self, most: int, told: Callable[[Dropped, int], None], *, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self.told = told
        self._most_bytes = most_bytes
        self._open: set[Connection] = set()
        self._sweeping = False
        self.held = 0
        for reason in get_args(Dropped):
            told(reason, 0)

    def protocol(self) -> Any:
        """What uvicorn makes its connections with."""
        return partial(Connection, self)

    def came(self, connection: "Connection") -> None:
        """One more; in a full house those go who have waited longest for a request, and the newcomer if nobody does."""
        if len(self._open) >= self._most:
            waiting = sorted((one for one in self._open if one.phase != "answer"), key=lambda one: one.since)
            for one in islice(waiting, _DROPPED_AT_ONCE):
                self.drop(one, "too_many")
            if not waiting:
                self.drop(connection, "too_many")
                return
        self._open.add(connection)
        if not self._sweeping:
            self._sweeping = True
            connection.loop.call_later(SWEEP_SECONDS, self._sweep, connection.loop)

    def went(self, connection: "Connection") -> None:
        """One less, and nothing more to hold for it."""
        self._open.discard(connection)
        self.let_go(connection)

    def drop(self, connection: "Connection", reason: Dropped, answer: bytes = b"") -> None:
        """Cut it off."""
        self.told(reason, 1)
        self.went(connection)
        if answer:
            connection.transport.write(answer)
            connection.transport.close()
        else:
            connection.transport.abort()

    def hold(self, more: int) -> None:
        """So many more bytes; where that is too much, those go whose request is not whole, the largest first."""
        self.held += more
        # keeps: bytes of all bodies
        if self.held > self._most_bytes:
            unfinished = [one for one in self._open if one.phase in {"head", "body"}]
            for one in sorted(unfinished, key=lambda one: one.held, reverse=True):
                if self.held <= self._most_bytes // 2:
                    break
                self.drop(one, "unfinished")

    def let_go(self, connection: "Connection") -> None:
        """Its request has been answered, or it is gone."""
        self.held -= connection.held
        connection.held = 0

    def _sweep(self, loop: Any) -> None:
        now = loop.time()
        for one in [one for one in self._open if one.phase != "answer" and now - one.since > _SECONDS[one.phase]]:
            if one.phase == "rest":
                self.went(one)
                one.transport.close()
            else:
                self.drop(one, _TOO_SLOW[one.phase])
        self._sweeping = bool(self._open)
        if self._sweeping:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)


class Connection(HttpToolsProtocol):
    """One connection: what it is doing, since when, and how many bytes have come that are not answered."""

    def __init__(self, all_of_them: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all = all_of_them
        self.phase: Phase = "head"
        self.since = self.loop.time()
        self.held = 0
        self._reading = 0
        self._upgrading = False
        self._trailers = 0

    def connection_made(self, transport: Any) -> None:
        """A sender has come; it owes a head."""
        super().connection_made(transport)
        self._all.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone, or was dropped."""
        self._all.went(self)
        self._unset_keepalive_if_required()  # or its timer would keep all this in memory after a reset
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of one request, or of several."""
        self._reading = len(data)
        self._unset_keepalive_if_required()
        self._parse(data)
        if self.phase == "rest" or self.transport.is_closing():
            return
        self.held += len(data)
        self._all.hold(len(data))
        # Behind a chunked body there may come more headers: they are looked at too.
        if len(self.headers or ()) > MOST_HEADERS or (self.phase == "head" and self.held > HEAD_BYTES):
            self._refuse_head()

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        super().on_message_begin()
        self.head_began()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. What comes after a chunked body is counted and dropped: nothing there is part of the request."""
        if self.phase == "head":
            super().on_header(name, value)
        else:
            self._trailers += 1
            if self._trailers > MOST_HEADERS:
                self._refuse_head()
                raise _Refused

    def on_headers_complete(self) -> None:
        """A whole head."""
        self.head_came()
        if not self._upgrading:
            super().on_headers_complete()
            if self.expect_100_continue:
                self.cycle.keep_alive = False  # after an early answer the body may come or not

    def on_message_complete(self) -> None:
        """A whole request. Where it was answered before it was whole, the sender owes the next."""
        if self._upgrading:
            return
        self.request_came()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A whole answer; the sender may still owe the rest of its request, or have sent the next one."""
        super().on_response_complete()
        if self.phase == "answer" and self.cycle.response_complete:
            self.answered()

    def head_began(self) -> None:
        """Note that a head comes in."""
        self.phase, self.since, self._trailers = "head", self.loop.time(), 0

    def head_came(self) -> None:
        """Note that a body comes in, if anything more is taken of this sender."""
        if self._head_too_large():
            self._refuse_head()
            raise _Refused
        status = refusal(self.parser.get_method(), self.parser.get_http_version(), self.headers)
        if status is not None:
            self._all.drop(self, "malformed", STATUS_LINE[status] + _LAST_ANSWER)
            raise _Refused
        self._upgrading = self.parser.should_upgrade()
        if self._upgrading:
            return
        if len(self.pipeline) >= PIPELINED:
            self._all.drop(self, "pipelined")
            raise _Refused
        self.phase, self.since = "body", self.loop.time()

    def request_came(self) -> None:
        """Note that an answer is owed, or the next request where it was answered before it was whole."""
        self.phase = "rest" if self.cycle.response_complete else "answer"
        self.since = self.loop.time()

    def answered(self) -> None:
        """Note that the next request is owed."""
        self.phase, self.since = "rest", self.loop.time()
        self._all.let_go(self)

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is told so, unless it has been refused already."""
        if not self.transport.is_closing():
            self._all.told("malformed", 1)
            super().send_400_response(msg)

    def _parse(self, data: bytes) -> None:
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                except HttpParserUpgrade as upgrade:
                    data = self._without_upgrade() + data[upgrade.args[0] :]
                else:
                    return
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _without_upgrade(self) -> bytes:
        """The same head without the wish for another protocol, for a parser that has not seen the wish.

        The parser ends such a request at its head, whatever length it has. Its body would be the next request.
        """
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        return b"\r\n".join([*lines, b"", b""])

    def _head_too_large(self) -> bool:
        if len(self.headers) > MOST_HEADERS:
            return True
        if self.held + self._reading <= HEAD_BYTES:
            return False  # all that was read is not more: nothing to add up
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self._all.drop(self, "head_too_large", STATUS_LINE[431] + _LAST_ANSWER)
