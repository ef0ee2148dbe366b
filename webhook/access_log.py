"""Counts requests for `/webhook` and writes their log lines, once per event-loop iteration.

The constant part of a line is redacted and rendered once for each caller: deliveries are the most frequent request.
"""

import asyncio
from collections.abc import Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final, Protocol

from ops.metrics import METHODS, Metrics

PATH: Final = "/webhook"
_LONGEST_AGENT: Final = 200
_CALLERS: Final = 1024
"""Callers whose part of the line is cached. Facebook has some dozens."""

_OUTCOMES: Final = {
    200: "accepted",
    400: "not_json",
    401: "signature_refused",
    408: "too_slow",
    413: "too_large",
    503: "unavailable",
}
"""The outcome of a delivery in `page_inbox_deliveries_total`, by status. Every other status is `failed`."""


class Lines(Protocol):
    """Writes log lines without structlog."""

    def part(self, facts: Mapping[str, Any], /) -> bytes:
        """The rendered fields that several lines have in common."""
        ...

    def write(self, lines: Iterable[tuple[bytes, MutableMapping[str, Any]]], /) -> None:
        """Write lines: for each a rendered part and the other fields."""
        ...


class LogEntry:
    """An answered request. `facts` are the fields of its line beside method, status, client and time."""

    __slots__ = ("agent", "client", "facts", "method", "request_id", "seconds", "status")

    def __init__(
        self,
        method: str,
        status: int,
        seconds: float,
        request_id: str,
        client: str | None,
        agent: bytes | None,
        facts: dict[str, Any],
    ) -> None:
        self.method = method
        self.status = status
        self.seconds = seconds
        self.request_id = request_id
        self.client = client
        self.agent = agent and agent[:_LONGEST_AGENT]
        self.facts = facts


class AccessLog:
    """Collects the entries of one event-loop iteration."""

    def __init__(self, metrics: Metrics, lines: Lines) -> None:
        self._metrics = metrics
        self._lines = lines
        self._entries: list[LogEntry] = []
        self._constant_part = lru_cache(maxsize=_CALLERS)(self._render)
        for outcome in (*_OUTCOMES.values(), "failed"):
            metrics.delivery(outcome, 0)

    def add(self, entry: LogEntry) -> None:
        """Count and log this request before the next event-loop iteration."""
        if not self._entries:
            asyncio.get_running_loop().call_soon(self._write)
        self._entries.append(entry)

    def _write(self) -> None:
        entries, self._entries = self._entries, []
        seconds: dict[tuple[str, int], list[float]] = {}
        sizes, lines = [], []
        for entry in entries:
            method = entry.method if entry.method in METHODS else "OTHER"
            seconds.setdefault((method, entry.status), []).append(entry.seconds)
            facts = entry.facts
            if "body_bytes" in facts:
                sizes.append(facts["body_bytes"])
            facts["duration_ms"] = round(entry.seconds * 1000, 3)
            facts["request_id"] = entry.request_id
            lines.append((self._constant_part(method, entry.status, entry.client, entry.agent), facts))
        for (method, status), durations in seconds.items():
            if method == "POST":
                self._metrics.delivery(_OUTCOMES.get(status, "failed"), len(durations))
            self._metrics.request(PATH, method, status, *durations)
        self._metrics.body(*sizes)
        self._lines.write(lines)

    def _render(self, method: str, status: int, client: str | None, agent: bytes | None) -> bytes:
        return self._lines.part(
            {
                "event": "request",
                "method": method,
                "route": PATH,
                "status": status,
                "client": client,
                "user_agent": None if agent is None else agent.decode("latin-1"),
            }
        )
