"""Doubles of the parts that the webhook needs: the store, the table of errors, the log."""

import asyncio
import json
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, Final

import orjson
from prometheus_client import CollectorRegistry

from domain.errors import PageInboxError
from domain.event import Notice, Outcome, Settle, Storable
from domain.ids import PageId
from domain.message import Message
from domain.secret import Secret
from ops.access_log import AccessLog
from ops.metrics import Metrics
from webhook.receiver import Answer, Receiver
from webhook.routes import Webhook

SECRET: Final = Secret("an-app-secret")
VERIFY_TOKEN: Final = Secret("a-verify-token")


class FakeShop:
    """Knows every Page, and stores every message or fails."""

    def __init__(self) -> None:
        self.stored: list[Storable] = []
        self.fails: BaseException | None = None
        self.hangs = False
        self.full: Exception | None = None
        self.pages: set[PageId] = set()
        self.told: list[str] = []

    def send_soon(self, notices: Sequence[Notice], /) -> None:
        """Record the notices by kind."""
        self.told += [notice.kind for notice in notices]

    def put_soon(self, events: Sequence[Storable], settle: Settle) -> bool:
        """Store messages of known Pages. Call `settle` before the return, or never if the store hangs."""
        if {type(event) for event in events} != {Message} or {event.page for event in events} - self.pages:
            return False
        if self.fails is not None:
            raise self.fails
        if not self.hangs:
            self.stored += events
            settle(["stored"] * len(events))
        return True

    def admit(self) -> None:
        """Raise the error `full` if a test has set it."""
        if self.full is not None:
            raise self.full

    async def put(self, events: Sequence[Storable]) -> list[Outcome]:
        """Store the messages."""
        self.pages |= {event.page for event in events}
        if self.fails is not None:
            raise self.fails
        if self.hangs:
            await asyncio.Event().wait()
        self.stored += events
        return ["stored"] * len(events)


def held(settles: list[Settle]) -> Callable[[Sequence[Storable], Settle], bool]:
    """Returns a `put_soon` for the Page 104200000000001 only. The test settles the put."""

    def put_soon(events: Sequence[Storable], settle: Settle) -> bool:
        if events[0].page != "104200000000001":
            return False
        settles.append(settle)
        return True

    return put_soon


def error_answer(error: PageInboxError, request_id: str) -> Answer:
    """Replaces the table of `api/errors.py`."""
    status = {"unauthenticated": 401, "invalid": 400, "too_large": 413, "forbidden": 403, "unavailable": 503}
    told = orjson.dumps({"reason": error.reason, "request_id": request_id})
    return Answer(status[error.kind], [(b"content-length", b"%d" % len(told))], told)


def lines_into(lines: list[MutableMapping[str, Any]]) -> Callable[[Sequence[bytes]], None]:
    """Returns a writer of log lines that parses them into a list. No line has a key twice."""

    def write(rendered: Sequence[bytes]) -> None:
        for line in rendered:
            fields = json.loads(line, object_pairs_hook=list)
            assert len(dict(fields)) == len(fields)
            assert dict(fields)["timestamp"].endswith("Z")
            assert dict(fields)["level"] == "info"
            lines.append({name: value for name, value in fields if name not in {"timestamp", "level"}})

    return write


class WebhookSetup:
    """A receiver and its application over one fake store. It keeps what was stored, counted and logged."""

    def __init__(self, *, max_body_bytes: int, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.shop = FakeShop()
        self.registry = CollectorRegistry()
        self.lines: list[MutableMapping[str, Any]] = []
        metrics = Metrics(self.registry)
        access_log = AccessLog(metrics, write=lines_into(self.lines))
        self.receiver = Receiver(
            self.shop,
            self.shop,
            metrics,
            access_log,
            error_answer,
            app_secrets=[SECRET],
            clock=clock,
            new_request_id=lambda: "r-1",
        )
        self.app = Webhook(
            self.receiver,
            access_log,
            verify_token=VERIFY_TOKEN,
            max_body_bytes=max_body_bytes,
            new_request_id=lambda: "r-1",
        )
