"""The tests of a Page's account: what it asks the budgets before a call, and what it records after the call."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from domain.graph import Limit
from domain.ids import PageId, ShopId
from domain.shop import Credentials
from graph_client.account import SLOW_SECONDS, BareAccount, BudgetRecorder, PageAccount
from graph_client.client import Reply
from graph_client.errors import (
    ErrorDetails,
    GraphError,
    GraphRefused,
    GraphTimeout,
    ObjectNotFound,
    PermissionMissing,
    PolicyBlocked,
    Throttled,
    TokenDead,
)
from graph_client.usage import Usage
from graph_client.wire import GraphAnswer
from ops.metrics import Metrics
from tests.support import FakeClock
from tests.unit.graph_client.fakes import ALIVE, APP_TOKEN, CREDENTIALS, PAGE, SHOP, TOKEN, Budgets, Entry

GOOD = GraphAnswer({"data": []})
DEAD = Credentials(TOKEN, b"seal", replace(ALIVE, token_alive=False, reason="logged_out"))


class Books:
    """An account over fakes. It keeps what was recorded in the budgets and as metrics."""

    def __init__(self, entry: Entry | None = None) -> None:
        self.budgets = Budgets(entry or Entry())
        self.clock = FakeClock()
        self.deaths: list[tuple[Credentials, TokenDead]] = []
        self._registry = CollectorRegistry()
        self.ledger = BudgetRecorder(self.budgets, Metrics(self._registry), self._died, self.clock.sleep)

    async def _died(self, shop: ShopId, page: PageId, credentials: Credentials, error: TokenDead) -> None:
        assert (shop, page) == (SHOP, PAGE)
        self.deaths.append((credentials, error))

    def account(self, limit: Limit = "pages", spacing: float = 0.0, patience: float = 4.0) -> PageAccount:
        """Returns the account of the Page."""
        return PageAccount(self.ledger, SHOP, PAGE, limit, spacing, patience)

    async def settled(self, result: GraphAnswer | GraphError, usage: Usage | None = None) -> list[tuple[object, ...]]:
        """Returns what the budgets got after a call with this result."""
        account = self.account()
        await account.admit(10)
        await account.settle(Reply(result, usage or Usage()))
        return self.budgets.told

    def count(self, name: str, limit: str) -> float:
        """Returns a metric as it is scraped."""
        return self._registry.get_sample_value(f"page_inbox_{name}", {"limit": limit}) or 0


async def test_a_page_that_may_call_gets_its_token_at_once() -> None:
    """The request has the Page's budget, spacing and patience."""
    books = Books()
    assert await books.account("messenger", spacing=0.5, patience=3.0).admit(left=10) == TOKEN
    assert books.budgets.asked == [("messenger", 0.5, 3.0)]
    assert books.clock.slept == []


async def test_a_call_waits_for_a_turn_only_until_its_deadline() -> None:
    """The call could not use a turn after its deadline, and another call could use this turn."""
    books = Books()
    await books.account(patience=4.0).admit(left=1.5)
    assert books.budgets.asked == [("pages", 0.0, 1.5)]


async def test_a_call_waits_for_its_reserved_turn() -> None:
    """The account has already reserved the turn."""
    books = Books(Entry(wait=0.4))
    assert await books.account().admit(10) == TOKEN
    assert books.clock.slept == [0.4]


@pytest.mark.parametrize(("held", "told"), [(0.001, 1), (59.2, 60), (60.0, 60)])
async def test_a_held_budget_refuses_a_call_with_the_seconds_left_rounded_up(held: float, told: int) -> None:
    """The time is rounded up, so that a caller that waits for it does not come too early."""
    books = Books(Entry(held=held))
    with pytest.raises(Throttled) as refused:
        await books.account("messenger").admit(10)
    assert (refused.value.limit, refused.value.retry_after) == ("messenger", told)
    assert (books.clock.slept, books.budgets.told) == ([], [])


@pytest.mark.parametrize(
    ("credentials", "reason"), [(None, "no_token"), (DEAD, "logged_out")], ids=["only webhooks", "dead"]
)
@pytest.mark.parametrize("held", [0.0, 60.0])
async def test_a_page_without_a_valid_token_gets_this_error_first(
    credentials: Credentials | None, reason: str, held: float
) -> None:
    """This Page needs a valid token. The end of the hold would not help it."""
    with pytest.raises(TokenDead) as refused:
        await Books(Entry(credentials, held=held)).account().admit(10)
    assert refused.value.token_reason == reason


@pytest.mark.parametrize("limit", ["pages", "messenger"])
async def test_a_budget_near_its_limit_slows_calls_down(limit: Limit) -> None:
    """The nearer the budget is to its limit, the slower the calls become. The answer names the budget, which need
    not be the budget of the call.
    """
    spacings: list[float] = []
    for share in (0.76, 0.9, 0.99):
        books = Books()
        ((what, whose, spacing, seconds),) = await books.settled(GOOD, Usage({limit: share}))
        assert isinstance(spacing, float)
        assert (what, whose, seconds) == ("slow", limit, SLOW_SECONDS)
        spacings.append(spacing)
        assert books.count("graph_usage_ratio_count", limit) == 1
        assert books.count("graph_holds_total", limit) == 0
    assert 0 < spacings[0] < spacings[1] < spacings[2]


async def test_a_budget_far_from_its_limit_is_not_written_to_the_store() -> None:
    """Most budgets are far from their limit, and a write would cost each call a round trip."""
    books = Books()
    assert await books.settled(GOOD, Usage({"app": 0.5, "pages": 0.74, "messenger": 0.0})) == []
    assert [books.count("graph_usage_ratio_count", limit) for limit in ("app", "pages", "messenger")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (Usage({"pages": 1.0}), ("hold", "pages", 120)),
        (Usage({"messenger": 1.2}), ("hold", "messenger", 60)),
        (Usage({"app": 1.0}), ("hold_app", 300)),
        (Usage({"pages": 0.3}, {"pages": 420}), ("hold", "pages", 420)),
    ],
    ids=["pages", "messenger", "app", "as Facebook says"],
)
async def test_a_successful_call_at_the_limit_holds_the_budget(usage: Usage, told: tuple[object, ...]) -> None:
    """The calls stop before Facebook refuses one, because each refused call would prolong the limit."""
    books = Books()
    with capture_logs() as lines:
        assert await books.settled(GOOD, usage) == [told]
    (limit,) = usage.share
    assert books.count("graph_holds_total", limit) == 1
    assert lines == [
        {"event": "graph_held", "log_level": "warning", "limit": limit, "wait_seconds": told[-1], "page": PAGE}
    ]


async def test_the_app_is_not_slowed_down_near_its_limit() -> None:
    """No pace applies to all Pages together. At the limit all calls stop."""
    assert await Books().settled(GOOD, Usage({"app": 0.99})) == []


@pytest.mark.parametrize(
    ("limit", "told"),
    [("pages", ("hold", "pages", 120)), ("messenger", ("hold", "messenger", 60)), ("app", ("hold_app", 300))],
)
async def test_a_throttle_holds_the_budget_that_it_names(limit: Limit, told: tuple[object, ...]) -> None:
    """The caller gets the time to wait."""
    books = Books()
    error = Throttled(limit)
    assert await books.settled(error) == [told]
    assert error.retry_after == told[-1]


async def test_a_throttle_lasts_as_long_as_facebook_says() -> None:
    """If Facebook names two times, the longer one is used."""
    error = Throttled("pages")
    told = await Books().settled(error, Usage(regain={"pages": 600, "messenger": 9_000}, retry_after=30))
    assert (told, error.retry_after) == ([("hold", "pages", 600)], 600)


async def test_a_throttle_and_a_full_budget_make_one_hold() -> None:
    """The throttle and the full budget mean the same limit. If another budget is full, it is held as well."""
    books = Books()
    usage = Usage({"pages": 1.0, "messenger": 1.0}, retry_after=30)
    assert await books.settled(Throttled("pages"), usage) == [("hold", "messenger", 60), ("hold", "pages", 30)]
    assert books.count("graph_holds_total", "pages") == 1


async def test_a_throttle_of_conversations_has_a_short_hold() -> None:
    """Facebook allows two calls per second again as soon as the calls have stopped."""
    error = Throttled("messenger", ErrorDetails(613))
    assert await Books().settled(error) == [("hold", "messenger", 5)]


async def test_a_block_for_a_violation_stops_both_budgets_of_the_page() -> None:
    """The block lasts an hour. The budget of the app is not held, because other shops have broken no rule."""
    books = Books()
    assert await books.settled(PolicyBlocked()) == [("hold", "pages", 3600), ("hold", "messenger", 3600)]
    assert books.deaths == []


async def test_a_dead_token_is_reported_with_the_credentials_of_the_call() -> None:
    """The credentials show which token died, so a newer token is not marked dead."""
    books = Books()
    error = TokenDead("expired")
    assert await books.settled(error) == []
    assert books.deaths == [(CREDENTIALS, error)]


@pytest.mark.parametrize(
    "error", [GraphTimeout(), ObjectNotFound(), PermissionMissing(), GraphRefused()], ids=lambda error: error.reason
)
async def test_other_errors_do_not_change_the_budgets_or_the_token(error: GraphError) -> None:
    """Such errors say nothing about budgets and tokens."""
    books = Books()
    assert await books.settled(error) == []
    assert books.deaths == []


async def test_a_token_without_a_page_is_admitted_without_a_budget() -> None:
    """Such a token has no budget."""
    books = Books()
    assert await BareAccount(books.ledger, APP_TOKEN).admit(1) == APP_TOKEN
    assert books.budgets.asked == []


async def test_a_token_without_a_page_is_refused_while_the_app_is_held() -> None:
    """A call would prolong the limit for all Pages."""
    books = Books()
    books.budgets.app_seconds = 41.5
    with pytest.raises(Throttled) as refused:
        await BareAccount(books.ledger, APP_TOKEN).admit(1)
    assert (refused.value.limit, refused.value.retry_after) == ("app", 42)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Throttled("app"), [("hold_app", 300)]),
        (Throttled("pages"), []),
        (PolicyBlocked(), []),
        (TokenDead("expired"), []),
    ],
    ids=["app", "pages", "blocked", "dead"],
)
async def test_only_the_limit_of_the_app_is_stored_for_a_token_without_a_page(
    error: GraphError, told: list[tuple[object, ...]]
) -> None:
    """The app's limit applies to all. All other limits belong to a Page."""
    books = Books()
    await BareAccount(books.ledger, APP_TOKEN).settle(Reply(error))
    assert books.budgets.told == told
    assert books.deaths == []
    if isinstance(error, Throttled):
        assert error.retry_after is not None
