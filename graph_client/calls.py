"""Calls Graph. A failed call is repeated if a repetition can help. If an answer is too large, fewer items are
requested. All tries end at the deadline.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog

from domain.ids import PageId, ShopId
from domain.secret import Secret
from graph_client import field_list
from graph_client.account import Account, BareAccount, BudgetRecorder, Budgets, PageAccount, TokenDied
from graph_client.client import Client
from graph_client.errors import FieldUnknown, GraphError, GraphTimeout, TooMuchData
from graph_client.gate import Gate
from graph_client.retry import RetryPolicy
from graph_client.wire import Ask, GraphAnswer
from ops.metrics import Metrics

PATIENCE_SECONDS: Final = 4.0
"""The longest wait of a call before it may start, in seconds. A call that would wait longer is answered 429 at once."""

NOTING_SECONDS: Final = 0.25
"""Seconds after the deadline of all tries. In this time the last try is counted and its result is stored."""

LIGHTEST: Final = 2
"""The number of the last step. At each step, an item is requested with fewer fields (field_list.py)."""

MakeAsk = Callable[[int], Ask]
"""Returns the request for this number of items."""

log = structlog.get_logger()


class Calls:
    """Makes calls. `clock` is monotonic and in seconds. `draw` returns numbers from 0 to 1."""

    def __init__(
        self,
        client: Client,
        budgets: Budgets,
        metrics: Metrics,
        *,
        token_died: TokenDied,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        draw: Callable[[], float],
        policy: RetryPolicy | None = None,
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._recorder = BudgetRecorder(budgets, metrics, token_died, sleep)
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._policy = policy or RetryPolicy()
        self._gate = Gate()
        self._unknown_fields: dict[str, set[str]] = {}

    async def for_page(
        self,
        shop: ShopId,
        page: PageId,
        operation: str,
        make_ask: MakeAsk,
        *,
        items: int = 1,
        spacing: float = 0.0,
        patience: float = PATIENCE_SECONDS,
        partial: bool = False,
    ) -> GraphAnswer:
        """Call with the Page's own token, on the Page's own budget. The call is counted under `operation`. `items` is
        the number of items in the first request. With `partial`, a single item that is too large is requested with
        fewer fields.

        Raises:
            GraphError: Facebook refuses or does not answer.
            PageInboxError: kind not_found if the Page is not the shop's; unavailable if the store is unavailable.
        """
        account = PageAccount(self._recorder, shop, page, make_ask(items).limit, spacing, patience)
        seconds = max(self._policy.deadline, patience)
        deadline = self._clock() + seconds
        try:
            async with asyncio.timeout(seconds + NOTING_SECONDS), self._gate.turn(shop, page):
                return await self._run(account, operation, make_ask, items, page, deadline, partial=partial)
        except TimeoutError:
            raise GraphTimeout from None

    async def with_token(self, token: Secret, operation: str, ask: Ask) -> GraphAnswer:
        """Call with a token that no Page has yet, or with the app's own token.

        Raises:
            GraphError: Facebook refuses or does not answer.
        """
        account = BareAccount(self._recorder, token)
        seconds = self._policy.deadline
        try:
            async with asyncio.timeout(seconds + NOTING_SECONDS):
                return await self._run(account, operation, lambda _: ask, 1, None, self._clock() + seconds)
        except TimeoutError:
            raise GraphTimeout from None

    async def _run(
        self,
        account: Account,
        operation: str,
        make_ask: MakeAsk,
        items: int,
        page: PageId | None,
        deadline: float,
        *,
        partial: bool = False,
    ) -> GraphAnswer:
        tries = step = 0
        while True:
            ask = self._known_fields(operation, make_ask(items))
            lighter = ask.with_fields(field_list.lighter(ask.fields, step)) if step else ask
            token = await account.admit(deadline - self._clock())
            began = self._clock()
            timeout = min(self._policy.try_seconds, deadline - began)
            reply = await self._client.send(lighter, token, page=page, timeout=timeout)
            result = reply.result
            tries += not isinstance(result, TooMuchData)  # not a sign of an outage
            outcome = result.reason if isinstance(result, GraphError) else "ok"
            self._metrics.graph_call(operation, outcome, self._clock() - began)
            await account.settle(reply)
            if not isinstance(result, GraphError):
                if not step:
                    return result
                there = field_list.names_of(lighter.fields)
                return replace(result, missing=tuple(n for n in field_list.names_of(ask.fields) if n not in there))
            if isinstance(result, FieldUnknown) and self._leave_out(operation, result.field, ask):
                continue
            if isinstance(result, TooMuchData) and items == 1 and partial and step < LIGHTEST:
                step += 1
                continue
            again = self._policy.next_step(result, tries, items, deadline - self._clock(), self._draw())
            if again is None:
                log.info(
                    "graph_failed",
                    edge=operation,
                    page=page,
                    reason=result.reason,
                    code=result.code,
                    subcode=result.subcode,
                    trace=result.trace,
                    tries=tries,
                )
                raise result
            self._metrics.graph_retry(result.reason)
            if again.wait:
                await self._sleep(again.wait)
            items = again.items

    def _known_fields(self, operation: str, ask: Ask) -> Ask:
        """Returns the request without the fields that this version of Graph does not have."""
        unknown = self._unknown_fields.get(operation)
        return ask.with_fields(field_list.without(ask.fields, unknown)) if unknown else ask

    def _leave_out(self, operation: str, field: str, ask: Ask) -> bool:
        """Stop asking for this field. Returns False if the field was not requested."""
        if not field_list.holds(ask.fields, field):
            return False
        self._unknown_fields.setdefault(operation, set()).add(field)
        self._metrics.graph_field_unknown(operation, field)
        log.warning("graph_field_unknown", edge=operation, field=field)
        return True

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()
