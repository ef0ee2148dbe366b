"""The account of a call: a token and its budgets. They are read before each try of the call, and updated after it.

Before each try, one script call returns the Page's token, the wait that Facebook demands, and the earliest time of the
call. All replicas share these values. After each try, the budgets in Facebook's answer are stored for all replicas.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from domain.graph import CallSlot, Limit
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials
from graph_client.client import Reply
from graph_client.errors import PolicyBlocked, Throttled, TokenDead
from graph_client.usage import advice, wait_after
from ops.metrics import Metrics

SLOW_SECONDS: Final = 300.0
"""Seconds for which calls are spaced out after a budget was nearly used up. Each later answer with a nearly used budget
starts this time again.
"""

PAGE_LIMITS: Final[tuple[Limit, ...]] = ("pages", "messenger")

log = structlog.get_logger()


class Budgets(Protocol):
    """The budgets of calls, shared by all replicas. Times are seconds. Every method raises kind unavailable if the
    store is unavailable.
    """

    async def enter(self, shop: ShopId, page: PageId, limit: Limit, /, *, spacing: float, patience: float) -> CallSlot:
        """Reserve the time of the next call. Raises kind not_found if the Page is not the shop's."""
        ...

    async def hold(self, shop: ShopId, page: PageId, limit: Limit, seconds: float, /) -> None:
        """Refuse the Page's calls of this budget for this many seconds."""
        ...

    async def slow(self, shop: ShopId, page: PageId, limit: Limit, spacing: float, seconds: float, /) -> None:
        """Space out the Page's calls of this budget for this many seconds."""
        ...

    async def hold_app(self, seconds: float, /) -> None:
        """Refuse every call for this many seconds."""
        ...

    async def app_held(self) -> float:
        """Returns the seconds for which every call is refused, or 0 if calls are allowed."""
        ...


TokenDied = Callable[[ShopId, PageId, Credentials, TokenDead], Awaitable[None]]


@dataclass(slots=True)
class BudgetRecorder:
    """Writes budgets to the store and to metrics."""

    budgets: Budgets
    metrics: Metrics
    token_died: TokenDied
    sleep: Callable[[float], Awaitable[None]]

    async def hold(self, limit: Limit, seconds: float, whose: tuple[ShopId, PageId] | None) -> None:
        """Stop the calls of a budget."""
        self.metrics.graph_hold(limit)
        log.warning("graph_held", limit=limit, wait_seconds=seconds, page=whose and whose[1])
        if limit == "app":
            await self.budgets.hold_app(seconds)
        elif whose is not None:
            await self.budgets.hold(*whose, limit, seconds)


@dataclass(slots=True)
class PageAccount:
    """A Page's own token and budgets. `spacing` is the minimum number of seconds between two calls of this kind.
    `patience` is the longest wait before a call may start, in seconds.
    """

    recorder: BudgetRecorder
    shop: ShopId
    page: PageId
    limit: Limit
    spacing: float
    patience: float
    _credentials: Credentials | None = field(default=None, init=False)

    async def admit(self, left: float) -> Secret:
        """Wait until the call may start, and return the Page's token. `left` is the number of seconds that remain.

        Raises:
            GraphError: the call is not allowed.
        """
        patience = min(self.patience, left)
        entry = await self.recorder.budgets.enter(
            self.shop, self.page, self.limit, spacing=self.spacing, patience=patience
        )
        credentials = self._credentials = entry.credentials
        if credentials is None:
            raise TokenDead("no_token")
        if not credentials.state.token_alive:
            raise TokenDead(credentials.state.reason)
        if entry.held:
            raise Throttled(self.limit, retry_after=math.ceil(entry.held))
        if entry.wait:
            await self.recorder.sleep(entry.wait)
        return credentials.token

    async def settle(self, reply: Reply) -> None:
        """Slow calls down before the limit and stop them at the limit. Mark a dead token as dead for every replica."""
        refused = reply.result.limit if isinstance(reply.result, Throttled) else None
        for limit, share in reply.usage.share.items():
            self.recorder.metrics.graph_usage(limit, share)
            advised = advice(share, reply.usage.regain.get(limit, 0), limit)
            if advised.hold and limit != refused:
                await self.recorder.hold(limit, advised.hold, (self.shop, self.page))
            elif advised.spacing and limit != "app":
                await self.recorder.budgets.slow(self.shop, self.page, limit, advised.spacing, SLOW_SECONDS)
        match reply.result:
            case Throttled() as throttled:
                throttled.retry_after = wait_after(throttled, reply.usage)
                await self.recorder.hold(throttled.limit, throttled.retry_after, (self.shop, self.page))
            case PolicyBlocked() as blocked:
                for limit in PAGE_LIMITS:
                    await self.recorder.hold(limit, blocked.retry_after or 0, (self.shop, self.page))
            case TokenDead() as dead if self._credentials is not None:
                await self.recorder.token_died(self.shop, self.page, self._credentials, dead)


@dataclass(slots=True)
class BareAccount:
    """The account of a token that no Page has yet, or of the app's own token. Only the app's budget counts."""

    recorder: BudgetRecorder
    token: Secret

    async def admit(self, _left: float) -> Secret:
        """Return the token at once. Raises Throttled if the app's calls are stopped."""
        if held := await self.recorder.budgets.app_held():
            raise Throttled("app", retry_after=math.ceil(held))
        return self.token

    async def settle(self, reply: Reply) -> None:
        """Note the app's own limit, which counts for all shops."""
        if isinstance(reply.result, Throttled):
            reply.result.retry_after = wait_after(reply.result, reply.usage)
            if reply.result.limit == "app":
                await self.recorder.hold("app", reply.result.retry_after, None)


Account = PageAccount | BareAccount
"""Allows each try of a call, and gets its result."""
