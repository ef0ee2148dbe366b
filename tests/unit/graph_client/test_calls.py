"""Calls of Graph: how they are admitted, repeated, repeated with fewer items, and ended by their deadline."""

import asyncio
from dataclasses import replace

import httpcore2
import httpx2
import pytest
from structlog.testing import capture_logs

from domain.shop import Credentials
from graph_client.errors import (
    GraphError,
    GraphTimeout,
    GraphUnavailable,
    GraphUnreachable,
    ParameterRefused,
    PermissionMissing,
    TokenDead,
    TooMuchData,
)
from graph_client.gate import CALLS_AT_ONCE
from graph_client.retry import TRIES, RetryPolicy
from graph_client.wire import Ask, GraphAnswer
from tests.unit.graph_client.fakes import (
    ALIVE,
    APP_TOKEN,
    CREDENTIALS,
    PAGE,
    SHOP,
    TOKEN,
    Asked,
    Budgets,
    Entry,
    Setup,
    ok,
    refused,
    too_much,
)

PERSON = "7000000000000001"
POSTS = f"GET {PAGE}/published_posts"


def posts(items: int) -> Ask:
    """Returns the call that asks for this number of posts."""
    return Ask("GET", (PAGE, "published_posts"), {"limit": str(items)}, lists=True)


async def call(setup: Setup, items: int = 100, patience: float = 4.0) -> GraphAnswer:
    """Fetch posts of the Page."""
    return await setup.calls.for_page(SHOP, PAGE, "posts", posts, items=items, patience=patience)


async def failed(setup: Setup, error: type[GraphError], items: int = 100) -> GraphError:
    """Fetches posts, which must fail with this kind of error. Returns the error."""
    with pytest.raises(error) as refusal:
        await call(setup, items)
    return refusal.value


async def never(_: Asked) -> httpx2.Response:
    """Does not answer, like a Facebook that hangs."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def test_a_call_uses_the_token_of_the_page_and_is_counted() -> None:
    """The metric has the edge and the time of the call."""
    setup = Setup()

    async def slowly(asked: Asked) -> httpx2.Response:
        setup.clock.advance(0.3)
        return ok({"data": [{"id": asked.token}]})

    setup.facebook.will(POSTS, slowly)
    assert (await call(setup)).rows() == [{"id": TOKEN.reveal()}]
    assert setup.budgets.asked == [("pages", 0.0, 4.0)]
    assert setup.count("graph_calls_total", edge="posts", outcome="ok") == 1
    assert setup.count("graph_seconds_sum", edge="posts") == pytest.approx(0.3)


async def test_a_call_waits_for_its_reserved_time_before_it_is_sent() -> None:
    """Each try reserves its own time."""
    setup = Setup(budgets=Budgets(Entry(wait=0.4)))
    sent = []

    async def note(_: Asked) -> httpx2.Response:
        sent.append(setup.clock.seconds())
        return refused(2) if len(sent) == 1 else ok()

    setup.facebook.will(POSTS, note, note)
    await call(setup)
    assert setup.clock.slept == [0.4, pytest.approx(0.3), 0.4]
    assert sent == [pytest.approx(0.4), pytest.approx(1.1)]


@pytest.mark.parametrize(("draw", "waits"), [(0.0, [0.2, 0.4]), (0.5, [0.3, 0.6]), (1.0, [0.4, 0.8])])
async def test_a_transient_error_is_retried_after_random_waits(draw: float, waits: list[float]) -> None:
    """There are three tries, and the third can succeed."""
    setup = Setup(draw=draw)
    setup.facebook.will(POSTS, refused(2), httpcore2.ReadError("cut"), ok({"data": [{"id": "1"}]}))
    assert (await call(setup)).rows() == [{"id": "1"}]
    assert setup.clock.slept == pytest.approx(waits)
    assert setup.count("graph_retries_total", reason="graph_unavailable") == 1
    assert setup.count("graph_retries_total", reason="graph_unreachable") == 1
    assert setup.count("graph_calls_total", edge="posts", outcome="graph_unreachable") == 1
    assert setup.count("graph_calls_total", edge="posts", outcome="ok") == 1


async def test_an_outage_is_an_error_after_the_last_try() -> None:
    """A fourth try would add load during the outage."""
    setup = Setup()
    setup.facebook.will(POSTS, *[httpcore2.ConnectError("no route") for _ in range(9)])
    await failed(setup, GraphUnreachable)
    assert len(setup.facebook.asked) == TRIES
    assert setup.count("graph_retries_total", reason="graph_unreachable") == TRIES - 1


async def test_a_call_with_too_much_data_halves_its_limit_down_to_one() -> None:
    """Halving needs no wait, and the number of tries does not limit it."""
    setup = Setup()
    setup.facebook.will(POSTS, *[too_much() for _ in range(9)])
    await failed(setup, TooMuchData)
    assert [one.query["limit"] for one in setup.facebook.asked] == ["100", "50", "25", "12", "6", "3", "1"]
    assert setup.clock.slept == []
    assert setup.count("graph_retries_total", reason="too_much_data") == 6


async def test_an_answer_over_our_size_limit_halves_the_limit_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's own limit is reached, not Facebook's."""
    monkeypatch.setattr("graph_client.client.ANSWER_BYTES", 1000)
    setup = Setup()

    async def as_many(asked: Asked) -> httpx2.Response:
        return ok({"data": [{"id": "x" * 90}] * int(asked.query["limit"])})

    setup.facebook.will(POSTS, *[as_many] * 9)
    assert len((await call(setup, items=25)).rows()) == 6
    assert [one.query["limit"] for one in setup.facebook.asked] == ["25", "12", "6"]


async def test_halving_does_not_count_as_a_try() -> None:
    """A transient error after the halving still has three tries."""
    setup = Setup()
    setup.facebook.will(POSTS, *[too_much() for _ in range(4)], refused(2), refused(2), ok())
    await call(setup)
    assert [one.query["limit"] for one in setup.facebook.asked] == ["100", "50", "25", "12", "6", "6", "6"]


async def test_a_dead_token_is_reported_once_with_its_reason() -> None:
    """No call uses the token again: at the next try the store refuses it."""
    setup = Setup()
    setup.facebook.will(POSTS, refused(2), refused(190, 460))
    await failed(setup, TokenDead)
    ((credentials, error),) = setup.deaths
    assert (credentials, error.token_reason) == (CREDENTIALS, "password_changed")
    setup.budgets.entry = Entry(Credentials(TOKEN, b"seal", replace(ALIVE, token_alive=False, reason="expired")))
    dead = await failed(setup, TokenDead)
    assert isinstance(dead, TokenDead)
    assert dead.token_reason == "expired"
    assert (len(setup.facebook.asked), len(setup.deaths)) == (2, 1)


async def test_a_retry_has_only_the_time_that_is_left() -> None:
    """If less than half a second is left, there is no further try."""
    setup = Setup(policy=RetryPolicy(tries=9, deadline=1.65))

    async def slow(_: Asked) -> httpx2.Response:
        setup.clock.advance(0.9)
        return refused(2)

    setup.facebook.will(POSTS, *[slow] * 9)
    with pytest.raises(GraphUnavailable):
        await call(setup, patience=0.0)
    assert len(setup.facebook.asked) == 1
    setup.draw = 0.0
    with pytest.raises(GraphUnavailable):
        await call(setup, patience=0.0)
    assert len(setup.facebook.asked) == 3


async def test_a_slow_try_is_repeated_within_the_deadline() -> None:
    """The first try gets no answer, so it is stopped and a second try follows."""
    setup = Setup(policy=RetryPolicy(try_seconds=0.02))
    setup.facebook.will(POSTS, never, ok({"data": [{"id": "1"}]}))
    async with asyncio.timeout(5):
        assert (await call(setup)).rows() == [{"id": "1"}]
    assert setup.count("graph_retries_total", reason="graph_timeout") == 1


async def test_a_call_ended_by_its_deadline_is_counted_and_logged() -> None:
    """A call without an answer must be visible too."""
    setup = Setup(policy=RetryPolicy(deadline=0.05))
    setup.facebook.will(POSTS, never)
    with capture_logs() as lines, pytest.raises(GraphTimeout):
        await call(setup, patience=0.0)
    assert setup.count("graph_calls_total", edge="posts", outcome="graph_timeout") == 1
    assert [line["reason"] for line in lines] == ["graph_timeout"]


async def test_the_deadline_also_ends_a_wait_for_the_store() -> None:
    """The deadline ends every wait of a call."""

    class Hanging(Budgets):
        async def enter(self, *_: object, **__: object) -> Entry:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    setup = Setup(budgets=Hanging(), policy=RetryPolicy(deadline=0.05))
    with pytest.raises(GraphTimeout):
        await call(setup, patience=0.0)


async def test_the_number_of_simultaneous_calls_of_a_page_is_limited() -> None:
    """The next call starts when another call of the Page has ended. The wait uses a part of its time limit."""
    setup = Setup()
    go = asyncio.Event()

    async def when_told(_: Asked) -> httpx2.Response:
        await go.wait()
        return ok()

    setup.facebook.will(POSTS, *[when_told] * (CALLS_AT_ONCE + 1))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLS_AT_ONCE + 1):
            tasks.create_task(call(setup))
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(setup.facebook.asked) == CALLS_AT_ONCE
        setup.clock.advance(11)
        go.set()
    assert len(setup.facebook.asked) == CALLS_AT_ONCE + 1
    assert setup.budgets.asked == [("pages", 0.0, 4.0)] * CALLS_AT_ONCE + [("pages", 0.0, 1.0)]


async def test_the_log_line_of_a_failure_names_the_page_and_no_person() -> None:
    """The line has numbers and Facebook's trace, but not Facebook's words."""
    setup = Setup()
    setup.facebook.will(f"GET {PERSON}", refused(10, 2018300))
    with capture_logs() as lines, pytest.raises(PermissionMissing):
        await setup.calls.for_page(SHOP, PAGE, "customer", lambda _: Ask("GET", (PERSON,), {"fields": "id,name"}))
    assert lines == [
        {
            "event": "graph_failed",
            "log_level": "info",
            "edge": "customer",
            "page": PAGE,
            "reason": "permission_missing",
            "code": 10,
            "subcode": 2018300,
            "trace": "Ab1-_x",
            "tries": 1,
        }
    ]


async def test_a_successful_call_is_not_logged() -> None:
    """A metric counts such a call."""
    setup = Setup()
    setup.facebook.will(POSTS, ok())
    with capture_logs() as lines:
        await call(setup)
    assert lines == []


async def test_an_invalid_call_is_refused_before_the_store_or_facebook_is_called() -> None:
    """The service calls neither the store nor Facebook."""
    setup = Setup()

    def refuse(_: int) -> Ask:
        raise ParameterRefused

    with pytest.raises(ParameterRefused):
        await setup.calls.for_page(SHOP, PAGE, "videos", refuse)
    assert (setup.budgets.asked, setup.facebook.asked) == ([], [])


async def test_a_call_without_a_page_uses_no_budget() -> None:
    """The call is repeated like other calls."""
    setup = Setup()
    setup.facebook.will("GET me", refused(2), ok({"id": "1"}))
    answer = await setup.calls.with_token(APP_TOKEN, "me", Ask("GET", ("me",)))
    assert answer.body == {"id": "1"}
    assert [one.token for one in setup.facebook.asked] == [APP_TOKEN.reveal()] * 2
    assert setup.budgets.asked == []


async def test_a_call_without_a_page_ends_at_its_deadline() -> None:
    setup = Setup(policy=RetryPolicy(deadline=0.05))
    setup.facebook.will("GET me", never)
    with pytest.raises(GraphTimeout):
        await setup.calls.with_token(APP_TOKEN, "me", Ask("GET", ("me",)))


async def test_closing_closes_the_connections() -> None:
    """A client that has made no connection can be closed too."""
    setup = Setup()
    setup.facebook.will("GET me", ok({}))
    await setup.calls.close()
    await setup.calls.with_token(APP_TOKEN, "me", Ask("GET", ("me",)))
    assert setup.facebook.closed == 0
    await setup.calls.close()
    assert setup.facebook.closed == 1
