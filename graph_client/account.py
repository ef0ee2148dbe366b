"""On whose account a call is made: what is asked before each try, and what is noted after it.

Before each try, one script call gives the Page's token, whether Facebook demands a wait, and when the
next call may go out; all replicas share the answers. After each try what Facebook says of its budgets is noted there.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from domain.graph import Limit
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials
from graph_client.client import Reply
from graph_client.errors import PolicyBlocked, Throttled, TokenDead
from graph_client.usage import advice, wait_after
from ops.metrics import Metrics

SLOW_SECONDS: Final = 300.0
"""How long calls stay apart after a budget was seen nearly used up; every later answer that says so renews it."""

PAGE_LIMITS: Final[tuple[Limit, ...]] = ("pages", "messenger")

log = structlog.get_logger()


class CallSlot(Protocol):
    """What the store says before a call."""

    @property
    def credentials(self) -> Credentials | None:
        """The Page's token; None where the Page is connected for webhooks alone."""
        ...

    @property
    def held(self) -> float:
        """Seconds for which calls are refused; 0 where they are not."""
        ...

    @property
    def wait(self) -> float:
        """Seconds to wait before the call; the place is reserved."""
        ...


class Budgets(Protocol):
    """What may be called when, on every replica. Seconds. Every method raises kind unavailable when the store is."""

    async def enter(self, shop: ShopId, page: PageId, limit: Limit, /, *, spacing: float, patience: float) -> CallSlot:
        """Take the next place. Raises kind not_found for a Page that is not the shop's."""
        ...

    async def hold(self, shop: ShopId, page: PageId, limit: Limit, seconds: float, /) -> None:
        """Refuse the Page's calls of this budget for a while."""
        ...

    async def slow(self, shop: ShopId, page: PageId, limit: Limit, spacing: float, seconds: float, /) -> None:
        """Keep the Page's calls of this budget apart for a while."""
        ...

    async def hold_app(self, seconds: float, /) -> None:
        """Refuse every call for a while."""
        ...

    async def app_held(self) -> float:
        """Seconds for which every call is refused; 0 where none is."""
        ...


class Account(Protocol):
    """Is asked before each try, and gets the result after it."""

    async def admit(self, left: float) -> Secret:
        """The token to call with, as soon as the call may go out; `left` is how many seconds there are.

        Raises:
            GraphError: it may not.
        """
        ...

    async def settle(self, reply: Reply) -> None:
        """What came of the try."""
        ...


TokenDied = Callable[[ShopId, PageId, Credentials, TokenDead], Awaitable[None]]


@dataclass(slots=True)
class BudgetRecorder:
    """Where budgets are written down: in the store, and as metrics."""

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
    """A Page's own token and budgets. `spacing` is the least seconds between two calls of this kind, `patience` the
    longest wait for a place.
    """

    ledger: BudgetRecorder
    shop: ShopId
    page: PageId
    limit: Limit
    spacing: float
    patience: float
    _credentials: Credentials | None = field(default=None, init=False)

    async def admit(self, left: float) -> Secret:
        """The Page's token, when its turn has come."""
        patience = min(self.patience, left)
        entry = await self.ledger.budgets.enter(
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
            await self.ledger.sleep(entry.wait)
        return credentials.token

    async def settle(self, reply: Reply) -> None:
        """Slow down before the limit, stop at it; a dead token is written down where every replica sees it."""
        refused = reply.result.limit if isinstance(reply.result, Throttled) else None
        for limit, share in reply.usage.share.items():
            self.ledger.metrics.graph_usage(limit, share)
            told = advice(share, reply.usage.regain.get(limit, 0), limit)
            if told.hold and limit != refused:
                await self.ledger.hold(limit, told.hold, (self.shop, self.page))
            elif told.spacing and limit != "app":
                await self.ledger.budgets.slow(self.shop, self.page, limit, told.spacing, SLOW_SECONDS)
        match reply.result:
            case Throttled() as throttled:
                throttled.retry_after = wait_after(throttled, reply.usage)
                await self.ledger.hold(throttled.limit, throttled.retry_after, (self.shop, self.page))
            case PolicyBlocked() as blocked:
                for limit in PAGE_LIMITS:
                    await self.ledger.hold(limit, blocked.retry_after or 0, (self.shop, self.page))
            case TokenDead() as dead if self._credentials is not None:
                await self.ledger.token_died(self.shop, self.page, self._credentials, dead)


@dataclass(slots=True)
class BareAccount:
    """A token that no Page has been given yet, or the app's own: only the app's budget counts."""

    ledger: BudgetRecorder
    token: Secret

    async def admit(self, left: float) -> Secret:
        """At once, unless the app itself is held."""
        del left
        if held := await self.ledger.budgets.app_held():
            raise Throttled("app", retry_after=math.ceil(held))
        return self.token

    async def settle(self, reply: Reply) -> None:
        """The app's own limit counts for everybody."""
        if isinstance(reply.result, Throttled):
            reply.result.retry_after = wait_after(reply.result, reply.usage)
            if reply.result.limit == "app":
                await self.ledger.hold("app", reply.result.retry_after, None)
