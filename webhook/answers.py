"""What a request at `/webhook` is answered, counted and logged as, whichever way it came in."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

import structlog

from domain.errors import PageInboxError
from ops.metrics import METHODS, Metrics

PATH: Final = "/webhook"
_LONGEST_AGENT: Final = 200
_CALLERS: Final = 1024
"""Callers whose part of the line is remembered; Facebook has some dozens."""

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
"""Status, headers and body."""

ACCEPTED: Final[Answer] = (200, [(b"content-length", b"0"), (b"cache-control", b"no-store")], b"")
TOO_SLOW: Final[Answer] = (408, [(b"content-length", b"0"), (b"connection", b"close")], b"")
_FAILED: Final[Answer] = (500, [(b"content-length", b"0")], b"")

log = structlog.get_logger()


class ErrorAnswer(Protocol):
    """How an error looks over HTTP; the one table of that is not ours."""

    def __call__(self, error: PageInboxError, request_id: str) -> Answer:
        """The answer."""
        ...


class Lines(Protocol):
    """The log, past what loggers cost."""

    def part(self, facts: Mapping[str, Any], /) -> bytes:
        """What several lines share."""
        ...

    def write(self, lines: Iterable[tuple[bytes, MutableMapping[str, Any]]], /) -> None:
        """Lines, each of such a part and what it has alone."""
        ...


class Answered:
    """One request, answered: `facts` are what its line tells beside method, status and the like."""

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
        self.agent = agent
        self.facts = facts


class Answers:
    """Counts and logs answers, and makes them of errors."""

    def __init__(self, metrics: Metrics, lines: Lines, error_answer: ErrorAnswer) -> None:
        self._metrics = metrics
        self._lines = lines
        self._error_answer = error_answer
        self._caller = lru_cache(maxsize=_CALLERS)(self._caller_part)
        for outcome in (*_DELIVERIES.values(), "failed"):
            metrics.delivery(outcome, 0)

    def of_error(self, error: Exception, request_id: str, facts: dict[str, Any]) -> Answer:
        """What somebody is told of it; its reason becomes a fact. A mistake of ours is logged, and told to nobody."""
        if isinstance(error, PageInboxError):
            facts["reason"] = error.reason
            return self._error_answer(error, request_id)
        log.error("request_failed", request_id=request_id, route=PATH, exc_info=error)
        return _FAILED

    def tell(self, answered: Sequence[Answered]) -> None:
        """Count these and write their lines."""
        alike: dict[tuple[str, int], list[float]] = {}
        sizes, lines = [], []
        for one in answered:
            method = one.method if one.method in METHODS else "OTHER"
            alike.setdefault((method, one.status), []).append(one.seconds)
            facts = one.facts
            if "body_bytes" in facts:
                sizes.append(facts["body_bytes"])
            facts["duration_ms"] = round(one.seconds * 1000, 3)
            facts["request_id"] = one.request_id
            lines.append(
                (self._caller(method, one.status, one.client, one.agent and one.agent[:_LONGEST_AGENT]), facts)
            )
        for (method, status), seconds in alike.items():
            if method == "POST":
                self._metrics.delivery(_DELIVERIES.get(status, "failed"), len(seconds))
            self._metrics.request(PATH, method, status, *seconds)
        self._metrics.body(*sizes)
        self._lines.write(lines)

    def _caller_part(self, method: str, status: int, client: str | None, agent: bytes | None) -> bytes:
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


_DELIVERIES: Final = {
    200: "accepted",
    400: "not_json",
    401: "signature_refused",
    408: "too_slow",
    413: "too_large",
    503: "unavailable",
}
