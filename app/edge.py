"""The limits of the public port: the number, time and bytes of its connections. Deliveries have a share of their own.

`app/edge_connection.py` reports the events of each connection, and this module decides. `app/callers.py` has the limits
of requests that are not deliveries. All these limits apply before any signature or token is checked. A proxy cannot
apply them, because it does not know the shop of a token or the CPU time of an answer. Without these limits, 1,000
connections with bad tokens delay a delivery by 4.4 s. With the limits, the delay is 0.3 s.
docs/adr/0021-what-a-sender-may-cost.md
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, Literal

import structlog

from app.callers import Callers

HEAD_SECONDS: Final = 10.0
"""Limit: Time for the head of a request. A telephone on a slow network needs one second."""
BODY_SECONDS: Final = 10.0
"""Limit: Time for the body of a request that is not a delivery. A telephone on a slow network needs one second."""
DELIVERY_BODY_SECONDS: Final = 3.5
"""Limit: Time for the body of a delivery. Facebook waits five seconds, so about one second remains to store and answer
the delivery."""
KEEP_ALIVE_SECONDS: Final = 75
"""Seconds that an idle connection stays open. Most proxies close an idle connection after 60 s, so the proxy closes
first. If the server closed first, a POST that the proxy is just sending would fail."""
HEAD_BYTES: Final = 16 * 1024
"""Limit: Bytes of the head of a request. A usual head, a token and a dozen headers, has 2,000 bytes. nginx allows 8 KiB
for one line."""
MOST_HEADERS: Final = 100
"""The largest number of headers of a request. Even a short header is two objects in memory."""
PIPELINED: Final = 8
"""Requests that a connection may send before its first request is answered. Proxies and browsers wait for each answer.
Without this limit, one read of the socket could bring hundreds of requests."""
DELIVERY_BYTES: Final = 48 * 1024 * 1024
"""Limit: Bytes of all deliveries that are not answered yet. Two deliveries of the largest size fit. A usual delivery
has a few thousand bytes."""
OTHER_BYTES: Final = 16 * 1024 * 1024
"""Limit: Bytes of all other requests that are not answered yet. Each request has at most 80 KiB."""
MOST_CONNECTIONS: Final = 12_288
"""Limit: Connections of one process, or fewer when the system allows fewer open files. An idle connection needs about
7 KiB."""
SPARE_FILES: Final = 512
"""Open files reserved for everything except these connections. Connections to Redis need up to 256."""
UNREAD_BYTES: Final = 64 * 1024 * 1024
"""Limit: Bytes of all answers that callers have not read yet. These answers must fit into the memory of a pod."""
CALLER_UNREAD_BYTES: Final = 16 * 1024 * 1024
"""Limit: Bytes of one caller's answers that the caller has not read yet. One answer, a list page, has about 2 MiB at
most."""
SWEEP_SECONDS: Final = 0.5
"""Seconds between two searches for late connections. A timer for each request would take more CPU time."""
_DROPPED_TOGETHER: Final = 64
"""Connections that are dropped together when all are in use. To find the oldest connections, all are sorted. This is
too slow to do it for each new connection."""

Phase = Literal["rest", "head", "body", "answer"]
Dropped = Literal[
    "head_too_slow",
    "head_too_large",
    "body_too_slow",
    "malformed",
    "unfinished",
    "too_many",
    "pipelined",
    "unread",
    "refused",
]

_SECONDS: Final[dict[Phase, float]] = {
    "rest": KEEP_ALIVE_SECONDS,
    # keeps: time for a head
    "head": HEAD_SECONDS,
    "body": BODY_SECONDS,
}

log = structlog.get_logger()


class LimitedConnection:
    """The part of a connection that `Edge` reads and changes."""

    loop: Any
    transport: Any
    phase: Phase = "head"
    since: float
    """When the phase began, in the loop's time."""
    held = 0
    """Bytes received that are not answered yet."""
    delivery = False
    """Whether the request that arrives now is a delivery, so that its bytes count in the share of deliveries."""
    caller = ""
    """The shop, token or address of the last request that was not a delivery."""
    queued = False
    """Whether a request of this connection waits to be started."""

    def late(self) -> None:
        """Called when the phase has taken too long."""
        raise NotImplementedError


class Edge:
    """All connections of one server. `dropped` counts closed connections and refused requests."""

    def __init__(
        self,
        most: int,
        dropped: Callable[[Dropped], None],
        *,
        other_bytes: int = OTHER_BYTES,
    ) -> None:
        self.dropped = dropped
        self.callers = Callers(most, dropped)
        self._most = most
        self._most_bytes = {True: DELIVERY_BYTES, False: other_bytes}
        self._held = {True: 0, False: 0}
        """Bytes of requests that are not answered yet: under True of deliveries, under False of other requests."""
        self.connections: set[LimitedConnection] = set()
        self._unread: dict[LimitedConnection, None] = {}
        """Connections whose caller reads the answer too slowly. The connection that has waited longest is first."""
        self._sweeping = False

    @property
    def held(self) -> int:
        """Bytes that are not answered yet."""
        return sum(self._held.values())

    def opened(self, connection: LimitedConnection) -> None:
        """Add a new connection. When there are too many, drop those that have waited longest for a request."""
        if len(self.connections) >= self._most:
            # A connection also waits if its request is complete but has not started. Deliveries are dropped last.
            waiting = [one for one in self.connections if one.phase != "answer" or one.queued]
            waiting.sort(key=lambda one: (one.delivery, one.since))
            for one in islice(waiting, _DROPPED_TOGETHER):
                self.drop(one, "too_many")
            if not waiting:
                self.drop(connection, "too_many")
                return
        self.connections.add(connection)
        if not self._sweeping:
            self._sweeping = True
            connection.loop.call_later(SWEEP_SECONDS, self._sweep, connection.loop)

    def closed(self, connection: LimitedConnection) -> None:
        """Remove a closed connection."""
        self.connections.discard(connection)
        self._unread.pop(connection, None)
        self.release(connection)

    def drop(self, connection: LimitedConnection, reason: Dropped, answer: bytes = b"") -> None:
        """Close a connection. If there is an `answer`, send it first."""
        self.dropped(reason)
        self.closed(connection)
        if answer:
            connection.transport.write(answer)
            connection.transport.close()
        else:
            connection.transport.abort()

    def hold(self, connection: LimitedConnection, size: int) -> None:
        """Count `size` more bytes as held. If the share holds too many, its largest unfinished requests are dropped."""
        share = connection.delivery
        connection.held += size
        self._held[share] += size
        # keeps: bytes of all bodies
        if self._held[share] > self._most_bytes[share]:
            # A request that waits behind an unread answer counts too. Otherwise its bytes might never be released.
            unfinished = [
                one
                for one in self.connections
                if one.delivery == share and (one.phase in {"head", "body"} or one in self._unread)
            ]
            for one in sorted(unfinished, key=lambda one: one.held, reverse=True):
                if self._held[share] <= self._most_bytes[share] // 2:
                    break
                self.drop(one, "unfinished")

    def release(self, connection: LimitedConnection) -> None:
        """Count the bytes of this connection as released."""
        self._held[connection.delivery] -= connection.held
        connection.held = 0

    def change_share(self, connection: LimitedConnection, delivery: bool) -> None:
        """Move the bytes of a connection to the other share. The head of its request shows the right share."""
        size = connection.held
        self.release(connection)
        connection.delivery, connection.held = delivery, size
        self._held[delivery] += size

    def unread(self, connection: LimitedConnection) -> None:
        """Called when an answer is sent faster than the caller reads it. If several such answers together have too many
        bytes, the one that has been unread for the longest time is dropped. A normal caller has read its answer before.
        """
        self._unread[connection] = None
        own = [one for one in self._unread if one.caller == connection.caller]
        for group, most in ((own, CALLER_UNREAD_BYTES), (list(self._unread), UNREAD_BYTES)):
            if len(group) > 1 and _unread_bytes(group) > most:
                log.warning("answer_not_read", unread_bytes=group[0].transport.get_write_buffer_size())
                self.drop(group[0], "unread")

    def read(self, connection: LimitedConnection) -> None:
        """Called when almost all of the answer has been read."""
        self._unread.pop(connection, None)

    def _sweep(self, loop: Any) -> None:
        now = loop.time()
        for one in [one for one in self.connections if one.phase != "answer" and now > _deadline(one)]:
            one.late()
        self._sweeping = bool(self.connections)
        if self._sweeping:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)


def _deadline(connection: LimitedConnection) -> float:
    """Returns the time at which the phase has taken too long, in the loop's time."""
    if connection.delivery and connection.phase == "body":
        return connection.since + DELIVERY_BODY_SECONDS
    return connection.since + _SECONDS[connection.phase]


def _unread_bytes(connections: Iterable[LimitedConnection]) -> int:
    return sum(one.transport.get_write_buffer_size() for one in connections)
