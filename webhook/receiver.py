"""Receives deliveries: verifies, normalizes and stores them, and answers each within a time limit.

The ASGI application (`webhook/routes.py`) and the fast path (`app/delivery_connection.py`) give it deliveries. The
receiver verifies the deliveries of one event-loop iteration together and puts them into one batch. They need no task
or timer of their own. A delivery that must wait for more than its write continues in a task.
docs/adr/0022-the-hot-path.md
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

import structlog

from domain.errors import PageInboxError
from domain.event import Notice, Outcome, Settle, Storable
from domain.message import Edit, Message
from domain.secret import Secret
from ops.access_log import PATH, AccessLog, LogEntry
from ops.metrics import Metrics
from webhook.errors import NotInTime
from webhook.normalize import Delivery, normalize
from webhook.signature import SignatureCheck

ANSWER_SECONDS: Final = 4.5
"""Limit: Time until a delivery is answered. Facebook counts an answer after five seconds as a failure.
https://developers.facebook.com/docs/messenger-platform/webhooks"""
VERIFIED_PER_ITERATION: Final = 64
"""Limit: Deliveries verified in one event-loop iteration. The answer and log line of a forged delivery take 0.1 ms, and
a genuine delivery is answered after five iterations. Without this limit, one forged delivery on each of 2,000
connections would delay a genuine delivery by a second.
"""

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes


ACCEPTED: Final = Answer(200, [(b"content-length", b"0"), (b"cache-control", b"no-store")], b"")
_FAILED: Final = Answer(500, [(b"content-length", b"0")], b"")

log = structlog.get_logger()


class Writer(Protocol):
    """Stores events of Pages."""

    def admit(self) -> None:
        """Raise kind `unavailable` if a new message would wait too long to be stored."""
        ...

    async def put(self, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit or erase messages as the events say. Returns an outcome per event when all events are done."""
        ...

    def put_soon(self, events: Sequence[Storable], settle: Settle) -> bool:
        """Store the events without waiting. Later `settle` is called with the outcomes or the error, as `put` returns
        or raises them. The outcome is also `unknown_page` if only `put` can find the Page. Returns False if only `put`
        can store these events. Then `settle` is not called.
        """
        ...


class Viewers(Protocol):
    """The viewers of live streams."""

    def send_soon(self, notices: Sequence[Notice], /) -> None:
        """Send notices to viewers. Returns at once and raises nothing, because Facebook waits for the answer to the
        delivery."""
        ...


class DeliveryRequest:
    """A POST to `/webhook`. `began` is the time on the receiver's clock when the head of the request arrived."""

    __slots__ = ("agent", "began", "body", "client", "signature")

    def __init__(self, signature: bytes | None, agent: bytes | None, client: str | None, began: float) -> None:
        self.signature = signature
        self.agent = agent
        self.client = client
        self.began = began
        self.body = b""

    def answer(self, answer: Answer) -> None:
        """Send the answer. Called once. Raises nothing if the sender has closed the connection."""
        raise NotImplementedError


class Receiver:
    """Receives deliveries and answers each within `answer_seconds`. `clock` is monotonic and in seconds. `error_answer`
    returns the answer to an error. It also gets the request's id.
    """

    def __init__(
        self,
        store: Writer,
        viewers: Viewers,
        metrics: Metrics,
        access_log: AccessLog,
        error_answer: Callable[[PageInboxError, str], Answer],
        *,
        app_secrets: Sequence[Secret],
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
    ) -> None:
        self.answer_seconds = ANSWER_SECONDS
        self._store = store
        self._viewers = viewers
        self._metrics = metrics
        self._access_log = access_log
        self._error_answer = error_answer
        self._signatures = SignatureCheck(app_secrets)
        self.clock = clock
        self._new_request_id = new_request_id
        self._queue: deque[DeliveryRequest] = deque()
        self._writing: dict[DeliveryRequest, Delivery] = {}
        """Requests whose write is in progress, the oldest first."""
        self._timer_runs = False
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(self, request: DeliveryRequest) -> None:
        """Verify, store and answer a request whose body is complete."""
        if not self._queue:
            asyncio.get_running_loop().call_soon(self._take)
        self._queue.append(request)

    def refuse(self, request: DeliveryRequest, error: Exception) -> None:
        """Answer an error, count it and log it."""
        request_id = self._new_request_id()
        answer, reason = self.error_answer(error, request_id)
        request.answer(answer)
        self._log(request, answer.status, request_id, reason, None)

    def error_answer(self, error: Exception, request_id: str) -> tuple[Answer, str | None]:
        """Returns the answer to an error, and the reason for its log line. An unexpected error is logged and has no
        reason.
        """
        if isinstance(error, PageInboxError):
            return self._error_answer(error, request_id), error.reason
        log.error("request_failed", request_id=request_id, route=PATH, exc_info=error)
        return _FAILED, None

    def _take(self) -> None:
        for _ in range(min(len(self._queue), VERIFIED_PER_ITERATION)):
            request = self._queue.popleft()
            try:
                self._begin(request)
            except Exception as error:  # noqa: BLE001 - `refuse` logs it, and the other requests go on
                self._writing.pop(request, None)
                self.refuse(request, error)
        loop = asyncio.get_running_loop()
        if self._queue:
            loop.call_soon(self._take)
        if self._writing and not self._timer_runs:
            self._timer_runs = True
            loop.call_later(self.answer_seconds, self._refuse_late)

    def _begin(self, request: DeliveryRequest) -> None:
        # The signature is first, so that a caller without one learns nothing of the store. A body is parsed last, so
        # that it is not parsed when the store is full.
        self._signatures.verify(request.body, request.signature)
        self._store.admit()
        delivery = normalize(request.body)
        if not delivery.notices and not delivery.skipped:
            self._writing[request] = delivery
            # keeps: answered after the write
            settle = partial(self._settle, request)
            if self._store.put_soon(delivery.events, settle):
                return
            del self._writing[request]
        self._continue_in_task(request, delivery)

    def _settle(self, request: DeliveryRequest, result: list[Outcome] | Exception) -> None:
        delivery = self._writing.pop(request, None)
        if delivery is None:
            return  # the timer has answered
        if isinstance(result, Exception):
            self.refuse(request, result)
        elif "unknown_page" in result:
            # The cached data about the Page may be out of date, so `put` tries again. Messages that are stored already
            # are recognised as duplicates.
            self._continue_in_task(request, delivery)
        else:
            self._accept(request, delivery, result)

    def _continue_in_task(self, request: DeliveryRequest, delivery: Delivery) -> None:
        task = asyncio.create_task(self._keep(request, delivery))
        self._tasks.add(task)  # asyncio itself keeps no strong reference to a task
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, request: DeliveryRequest, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(request.began + self.answer_seconds - self.clock()):
                outcomes = await self._store.put(delivery.events) if delivery.events else []
        except TimeoutError:
            self.refuse(request, NotInTime())
        except Exception as error:  # noqa: BLE001 - `refuse` logs it
            self.refuse(request, error)
        else:
            if delivery.notices:
                # Facebook repeats a delivery whose messages were not stored. The notices are sent only now, so that
                # viewers do not get them twice.
                self._viewers.send_soon(delivery.notices)
            self._accept(request, delivery, outcomes)

    def _refuse_late(self) -> None:
        """Refuse requests that are late. One timer serves all requests and is set for the oldest one."""
        now = self.clock()
        while self._writing:
            oldest = next(iter(self._writing))
            left = oldest.began + self.answer_seconds - now
            if left > 0:
                asyncio.get_running_loop().call_later(left, self._refuse_late)
                return
            del self._writing[oldest]
            self.refuse(oldest, NotInTime())
        self._timer_runs = False

    def _accept(self, request: DeliveryRequest, delivery: Delivery, found: Sequence[Outcome]) -> None:
        request.answer(ACCEPTED)
        event, outcomes = self._metrics.event, dict[str, int]()
        for notice in delivery.notices:
            event(notice.kind, "not_kept")
            outcomes["not_kept"] = outcomes.get("not_kept", 0) + 1
        for skipped in delivery.skipped:
            event("skipped", skipped.reason)
            outcomes["skipped"] = outcomes.get("skipped", 0) + 1
        for stored, outcome in zip(delivery.events, found, strict=True):
            event(_kind(stored), outcome)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        self._log(request, 200, self._new_request_id(), None, outcomes)

    def _log(
        self,
        request: DeliveryRequest,
        status: int,
        request_id: str,
        reason: str | None,
        outcomes: dict[str, int] | None,
    ) -> None:
        seconds, size = self.clock() - request.began, len(request.body)
        self._access_log.add(
            LogEntry("POST", status, seconds, request_id, request.client, request.agent, reason, size, outcomes)
        )
        request.body = b""  # an idle connection still refers to its last request, which must not keep the body


def _kind(event: Storable) -> str:
    if isinstance(event, Message):
        if event.standby:
            return "standby"
        return "echo" if event.direction == "out" else event.kind
    return "edit" if isinstance(event, Edit) else "unsend"
