"""Graph, Redis or the token is lost in the middle of a list. The answer is clear and in time, and everything works
again afterwards."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx2
import pytest

from cache.errors import UNREACHED
from simulator.graph_faults import OUTAGE, Cuts, Fault, Says, Stalls
from simulator.graph_gate import Barrier
from simulator.graph_made_up import made_up
from simulator.graph_nodes import FakePage
from tests.breakable import Breakable
from tests.facebook import GraphShop, new_page, refusal, running_facebook, serving_graph
from tests.graph import FakeGraph
from tests.servers import Server
from tests.support import wait_until_blocking

POSTS: Final = 6
LIMIT: Final = 2
"""Items per page, so that a walk has three pages."""
PLACES: Final = 4
"""Calls of one Page that the service sends at the same time."""


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    """Facebook, for one test."""
    with running_facebook() as running:
        yield running


def filled(graph: FakeGraph) -> FakePage:
    """A Page with posts."""
    page = new_page(graph.world)
    made_up(graph.world, page, posts=POSTS)
    return page


def next_page(shop: GraphShop, page: FakePage, after: str) -> httpx2.Response:
    """Returns the next page of the list."""
    return shop.ask(page.id, "posts", limit=LIMIT, after=after)


def begun(shop: GraphShop, page: FakePage) -> str:
    """Connect the Page and read the first posts. Returns the position where the list continues."""
    shop.bring(page)
    after: str = shop.fetch(page.id, "posts", limit=LIMIT)["after"]
    assert after
    return after


FAULTS: Final[dict[str, tuple[Fault, str]]] = {
    "the body is cut": (Cuts(), "graph_unreachable"),
    "the connection is cut": (Cuts(at_once=True), "graph_unreachable"),
    "an error page": (OUTAGE, "graph_unavailable"),
    "half an answer": (Says(200, b'{"data": [', "application/json"), "graph_unavailable"),
}


def test_a_list_from_a_broken_graph_is_answered_502_and_continues_later_at_the_same_place(
    graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """The answer is an error after three tries. Later the same `after` continues the list. The test uses one service
    for all faults."""
    with serving_graph(valkey.url, tmp_path / "log", graph) as service, GraphShop(service.url, patient=False) as shop:
        for name, (fault, reason) in FAULTS.items():
            page = filled(graph)
            after = begun(shop, page)
            graph.seen.forget()
            graph.faults.script(page.id, fault, times=None)
            assert refusal(next_page(shop, page, after)) == (502, reason), name
            assert graph.seen.total == 3, name
            graph.faults.clear()
            rest = next_page(shop, page, after).json()["items"]
            first = shop.fetch(page.id, "posts", limit=LIMIT)["items"]
            assert len({post["id"] for post in [*first, *rest]}) == 2 * LIMIT, name


def test_a_call_is_answered_502_if_graph_ends_during_it_and_the_store_still_works(
    valkey: Server, tmp_path: Path
) -> None:
    """The call is in progress when Graph's process ends. Afterwards no process listens at Graph's address."""
    held = Barrier()
    with ExitStack() as stack:
        callers = stack.enter_context(ThreadPoolExecutor(1))
        with running_facebook() as graph:
            service = stack.enter_context(serving_graph(valkey.url, tmp_path / "log", graph))
            shop = stack.enter_context(GraphShop(service.url, patient=False))
            page = filled(graph)
            after = begun(shop, page)
            graph.faults.script(page.id, Stalls(held))
            under_way = callers.submit(next_page, shop, page, after)
            wait_until_blocking(lambda: held.waiting == 1)
        assert refusal(under_way.result()) == (502, "graph_unreachable")
        assert refusal(next_page(shop, page, after)) == (502, "graph_unreachable")
        assert shop.ids() == []
        assert service.answers("/readyz"), "Facebook's trouble is not ours: deliveries are taken in"
        assert shop.get(f"/pages/{page.id}")["status"] == "connected"


@pytest.mark.parametrize(
    ("begin", "end", "reasons"),
    [
        (Breakable.stop, Breakable.start, UNREACHED),
        (Breakable.hang, Breakable.go_on, {"redis_timeout"}),
    ],
    ids=["gone", "hung"],
)
def test_a_list_request_without_redis_is_answered_503_and_makes_no_call_to_graph(
    graph: FakeGraph,
    breakable: Breakable,
    tmp_path: Path,
    begin: Callable[[Breakable], None],
    end: Callable[[Breakable], None],
    reasons: frozenset[str],
) -> None:
    """Redis decides whether a call is allowed, and has the token. A call that was already sent is answered."""
    held = Barrier()
    with ExitStack() as stack:
        callers = stack.enter_context(ThreadPoolExecutor(1))
        service = stack.enter_context(serving_graph(breakable.url, tmp_path / "log", graph))
        shop = stack.enter_context(GraphShop(service.url, patient=False))
        other = stack.enter_context(GraphShop(service.url, patient=False))
        page = filled(graph)
        after = begun(shop, page)
        graph.faults.script(page.id, Stalls(held))
        under_way = callers.submit(next_page, shop, page, after)
        wait_until_blocking(lambda: held.waiting == 1)
        begin(breakable)
        asked = graph.seen.total
        answer = next_page(other, page, after)
        status, reason = refusal(answer)
        assert status == 503
        assert reason in reasons
        assert int(answer.headers["retry-after"]) >= 1
        assert graph.seen.total == asked
        held.open()
        assert under_way.result().status_code == 200
        end(breakable)
        wait_until_blocking(lambda: next_page(shop, page, after).status_code == 200, within=20)


def test_a_call_is_answered_503_if_its_rate_limit_cannot_be_stored(
    graph: FakeGraph, breakable: Breakable, tmp_path: Path
) -> None:
    """Graph reports a rate limit while Redis is down. The answer does not claim success, and nothing hangs."""
    held = Barrier()
    with ExitStack() as stack:
        callers = stack.enter_context(ThreadPoolExecutor(1))
        service = stack.enter_context(serving_graph(breakable.url, tmp_path / "log", graph))
        shop = stack.enter_context(GraphShop(service.url, patient=False))
        page = filled(graph)
        after = begun(shop, page)
        graph.faults.usage(page.id, call_count=100, regain_minutes=5)
        graph.faults.script(page.id, Stalls(held))
        under_way = callers.submit(next_page, shop, page, after)
        wait_until_blocking(lambda: held.waiting == 1)
        breakable.stop()
        held.open()
        status, reason = refusal(under_way.result())
        assert status == 503
        assert reason in UNREACHED
        breakable.start()
        wait_until_blocking(lambda: next_page(shop, page, after).status_code != 503, within=20)
        assert refusal(next_page(shop, page, after)) == (429, "throttled")


def test_calls_with_a_revoked_token_are_answered_409_and_no_replica_uses_the_token_again(
    graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """The token is revoked during four calls, and each of them is answered 409. Afterwards neither replica sends a call
    with this token."""
    held = Barrier()
    with ExitStack() as stack:
        callers = stack.enter_context(ThreadPoolExecutor(PLACES))
        one = stack.enter_context(serving_graph(valkey.url, tmp_path / "one", graph))
        two = stack.enter_context(serving_graph(valkey.url, tmp_path / "two", graph))
        shop = stack.enter_context(GraphShop(one.url))
        other = stack.enter_context(GraphShop(two.url))
        page = filled(graph)
        after = begun(shop, page)
        graph.faults.script(page.id, *[Stalls(held)] * PLACES)
        under_way = [callers.submit(next_page, shop, page, after) for _ in range(PLACES)]
        wait_until_blocking(lambda: held.waiting == PLACES)
        graph.world.revoke(page.token, 463)
        held.open()
        assert [refusal(call.result()) for call in under_way] == [(409, "reconnect_page")] * PLACES
        asked = graph.seen.total
        for caller in (shop, other):
            assert refusal(next_page(caller, page, after)) == (409, "reconnect_page")
            state = caller.get(f"/pages/{page.id}")
            assert (state["status"], state["token_reason"]) == ("reconnect", "expired")
        assert graph.seen.total == asked


def test_calls_to_a_graph_that_never_answers_get_504_before_the_service_stops(
    graph: FakeGraph, valkey: Server, tmp_path: Path
) -> None:
    """There are more callers than a Page has places, and the service still serves another Page. All callers have their
    answer before the end.

    The deadline of each call is twelve seconds. The callers and the service's grace wait three seconds longer.
    """
    forever = Barrier()
    with ExitStack() as stack:
        callers = stack.enter_context(ThreadPoolExecutor(2 * PLACES))
        service = stack.enter_context(serving_graph(valkey.url, tmp_path / "log", graph))
        shop = stack.enter_context(GraphShop(service.url, patient=False))
        stalled, fine = filled(graph), filled(graph)
        after, beside = begun(shop, stalled), begun(shop, fine)
        graph.faults.script(stalled.id, Stalls(forever), times=None)
        under_way = [callers.submit(next_page, shop, stalled, after) for _ in range(2 * PLACES)]
        wait_until_blocking(lambda: forever.waiting == PLACES)
        assert next_page(shop, fine, beside).status_code == 200
        assert graph.seen.at_once[stalled.id] == PLACES
        assert service.terminate() == 0
        assert [refusal(call.result()) for call in under_way] == [(504, "graph_timeout")] * len(under_way)
        assert [line for line in service.lines() if line["level"] in {"error", "critical"}] == []
