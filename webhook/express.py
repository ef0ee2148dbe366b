"""Deliveries that have come whole, taken together once a turn of the event loop, without a task and a timer for each:
those would cost as much as storing it.

The story is that of intake.py, and each of its steps is the same function. A delivery of messages of one known Page
goes through them here; whatever has to wait for more than its own write goes on as a task, in `Intake.keep`.
docs/adr/0022-the-hot-path.md
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from domain.event import Outcome
from webhook.answers import ACCEPTED, Answer, Answered, Answers
from webhook.delivery import Delivery
from webhook.errors import NotInTime, SignatureRefused
from webhook.intake import Intake
from webhook.turns import Turns

ANSWER_SECONDS: Final = 4.5
"""Limit: time until a delivery is answered. Facebook counts an answer after five seconds as a failure.
https://developers.facebook.com/docs/messenger-platform/webhooks"""


_LATE: Final = True


class Arrived(Protocol):
    """A POST whose body is here. `began` is when its head was, in the seconds of the clock."""

    body: bytes
    signature: bytes | None
    client: str | None
    agent: bytes | None
    began: float

    def answer(self, answer: Answer) -> None:
        """Send the answer; once. Raises nothing where nobody waits for it any more."""
        ...


class Express:
    """Takes deliveries in, turn by turn. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        intake: Intake,
        answers: Answers,
        turns: Turns,
        *,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
    ) -> None:
        self._intake = intake
        self._answers = answers
        self._turns = turns
        self.clock = clock
        self._new_request_id = new_request_id
        self._arrived: list[Arrived] = []
        self._answered: list[Answered] = []
        self._waiting: dict[Arrived, bool] = {}
        """Those whose write is under way, the oldest first."""
        self._watching = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> bool:
        """Whether it takes deliveries: not while they must wait for their turns."""
        return self._turns.calm

    def arrive(self, request: Arrived) -> None:
        """Take it in when this turn is over, with all that the turn brings."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._take)
        self._arrived.append(request)

    def _take(self) -> None:
        arrived, self._arrived = self._arrived, []
        for request in arrived:
            try:
                self._begin(request)
            except Exception as error:  # noqa: BLE001 - `_refuse` logs it, and the others are taken
                self._waiting.pop(request, _LATE)
                self._refuse(request, error)
        if self._waiting and not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._look_who_is_late)

    def _begin(self, request: Arrived) -> None:
        delivery = self._intake.read(request.body, request.signature)
        shop = self._intake.shop_of(delivery)
        if shop is None:
            self._start(request, delivery)
        else:
            self._waiting[request] = not _LATE
            self._intake.put_soon(shop, delivery, partial(self._settle, request, delivery))

    def _settle(self, request: Arrived, delivery: Delivery, result: list[Outcome] | Exception) -> None:
        if self._waiting.pop(request, _LATE) is _LATE:
            return  # it has been answered so
        if isinstance(result, Exception):
            self._refuse(request, result)
        elif "unknown_page" in result:
            self._start(request, delivery)  # its route may be a stale one: what is stored already is known again
        else:
            self._accept(request, dict(self._intake.count(delivery, result)))

    def _start(self, request: Arrived, delivery: Delivery) -> None:
        task = asyncio.create_task(self._keep(request, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, request: Arrived, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(request.began + ANSWER_SECONDS - self.clock()):
                taken = await self._intake.keep(delivery)
        except TimeoutError:
            self._refuse(request, NotInTime())
        except Exception as error:  # noqa: BLE001 - `_refuse` logs it
            self._refuse(request, error)
        else:
            self._accept(request, dict(taken.outcomes))

    def _look_who_is_late(self) -> None:
        now = self.clock()
        while self._waiting:
            oldest = next(iter(self._waiting))
            left = oldest.began + ANSWER_SECONDS - now
            if left > 0:
                asyncio.get_running_loop().call_later(left, self._look_who_is_late)
                return
            del self._waiting[oldest]
            self._refuse(oldest, NotInTime())
        self._watching = False

    def _accept(self, request: Arrived, outcomes: dict[str, Any]) -> None:
        request.answer(ACCEPTED)
        self._note(request, 200, self._new_request_id(), outcomes)

    def _refuse(self, request: Arrived, error: Exception) -> None:
        request_id, facts = self._new_request_id(), dict[str, Any]()
        if isinstance(error, SignatureRefused):
            self._turns.forged(request.client or "")
        answer = self._answers.of_error(error, request_id, facts)
        request.answer(answer)
        self._note(request, answer[0], request_id, facts)

    def _note(self, request: Arrived, status: int, request_id: str, facts: dict[str, Any]) -> None:
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._tell)
        facts["body_bytes"] = len(request.body)
        seconds = self.clock() - request.began
        self._answered.append(Answered("POST", status, seconds, request_id, request.client, request.agent, facts))

    def _tell(self) -> None:
        answered, self._answered = self._answered, []
        self._answers.tell(answered)
