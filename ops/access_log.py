"""Counts requests for `/webhook` and writes their log lines, once per event-loop iteration.

Deliveries are the most frequent requests. So the constant part of a line is redacted and rendered once for each caller.
The other part of the line has only numbers, slugs from closed lists and our request id, which need no redaction.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from domain.moment import rfc3339
from ops import logs
from ops.metrics import Metrics, known_method

PATH: Final = "/webhook"
_LONGEST_AGENT: Final = 200
_CALLERS: Final = 1024
"""Callers for whom the constant part of the line is cached. Facebook calls from a few dozen addresses."""

_STATUSES: Final = {
    200: "accepted",
    400: "not_json",
    401: "signature_refused",
    413: "too_large",
    503: "unavailable",
}
"""The outcome of a delivery in `page_inbox_deliveries_total`, by status. Every other status is `failed`."""
DELIVERY_OUTCOMES: Final = (*_STATUSES.values(), "failed")


def new_request_id() -> str:
    """Returns 16 hexadecimal digits, with which an operator can find the log line. The id is not a secret, so simple
    random numbers are enough.
    """
    return f"{random.getrandbits(64):016x}"


@dataclass(slots=True)
class LogEntry:
    """An answered request. `reason` is the slug of its error. Only deliveries have `body_bytes` and `outcomes`."""

    method: str
    status: int
    seconds: float
    request_id: str
    client: str | None
    agent: bytes | None
    reason: str | None = None
    body_bytes: int | None = None
    outcomes: dict[str, int] | None = None


class AccessLog:
    """Collects the entries of one event-loop iteration. `write` gets lines without line ends."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        enabled: bool = True,
        write: Callable[[Sequence[bytes]], None] = logs.write,
    ) -> None:
        self._metrics = metrics
        self._enabled = enabled
        self._write_lines = write
        self._entries: list[LogEntry] = []
        self._constant_part = lru_cache(maxsize=_CALLERS)(_render)

    def add(self, entry: LogEntry) -> None:
        """Count and log this request before the next event-loop iteration."""
        if not self._entries:
            asyncio.get_running_loop().call_soon(self._write)
        self._entries.append(entry)

    def _write(self) -> None:
        entries, self._entries = self._entries, []
        seconds: dict[tuple[str, int], list[float]] = {}
        sizes = []
        for entry in entries:
            seconds.setdefault((known_method(entry.method), entry.status), []).append(entry.seconds)
            if entry.body_bytes is not None:
                sizes.append(entry.body_bytes)
        for (method, status), durations in seconds.items():
            if method == "POST":
                self._metrics.delivery(_STATUSES.get(status, "failed"), len(durations))
            self._metrics.request(PATH, method, status, *durations)
        self._metrics.body(*sizes)
        if self._enabled:
            end = b',"timestamp":"%b","level":"info"}' % rfc3339(int(time.time() * 1000)).encode()
            self._write_lines([self._line(entry, end) for entry in entries])

    def _line(self, entry: LogEntry, end: bytes) -> bytes:
        line: dict[str, Any] = {} if entry.outcomes is None else dict(entry.outcomes)
        if entry.reason is not None:
            line["reason"] = entry.reason
        if entry.body_bytes is not None:
            line["body_bytes"] = entry.body_bytes
        line["duration_ms"] = round(entry.seconds * 1000, 3)
        line["request_id"] = entry.request_id
        agent = entry.agent and entry.agent[:_LONGEST_AGENT]
        part = self._constant_part(known_method(entry.method), entry.status, entry.client, agent)
        return b"%b,%b%b" % (part, orjson.dumps(line)[1:-1], end)


def _render(method: str, status: int, client: str | None, agent: bytes | None) -> bytes:
    """Returns the beginning of a line, up to the first member that can differ between two requests of one caller."""
    facts = {
        "event": "request",
        "method": method,
        "route": PATH,
        "status": status,
        "client": client,
        "user_agent": None if agent is None else agent.decode("latin-1"),
    }
    return logs.render(facts)[:-1]
