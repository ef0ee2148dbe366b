"""The answers to callers, and the calls of Graph, when Facebook refuses, throttles, fails for a moment or sends invalid
answers.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from graph_client.retry import DEADLINE_SECONDS, TRIES
from simulator.graph_faults import (
    EMPTY,
    NULL,
    OUTAGE,
    Alters,
    Cuts,
    Fails,
    Fault,
    Pads,
    Says,
    redirects,
    throttles,
    without,
)
from simulator.graph_nodes import FakePage
from tests.callers import Operator
from tests.facebook import GraphShop, new_page, refusal, running_facebook, serving_graph
from tests.graph import FakeGraph
from tests.servers import Server
from tests.service import Service

OwnServer = Callable[..., AbstractContextManager[Server]]

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "graph_errors.json").read_text())["rows"]
KINDS: Final = {(row["expect"]["reason"], row["expect"].get("limit")): row for row in reversed(VECTORS)}
"""The first row of each kind. tests/unit/graph_client/test_verdicts.py reads every row."""
OF_THE_APP: Final = KINDS.pop(("throttled", "app"))

LEAST_WAITS: Final = 0.2 + 0.4
"""The least sum of the waits before the second and the third try, in seconds."""


def fault_of(row: dict[str, Any]) -> Says:
    """Returns the answer in this row of the table."""
    return Says(row["http_status"], json.dumps({"error": row["error"]}).encode(), "application/json")


def calls_expected(row: dict[str, Any]) -> int:
    """Returns the number of calls of Graph. After a refused proof, the service sends the proof's other form too. If a
    single item is too large, it asks with fewer fields, and then only for the id and times.
    """
    if row["expect"]["retried"] or row["expect"]["reason"] == "too_much_data":
        return TRIES
    return 2 if row["expect"]["reason"] == "proof_refused" else 1


def seconds_left(answer: httpx2.Response, at_most: int) -> None:
    """Check that the answer is a rate limit that ends within this number of seconds."""
    assert refusal(answer) == (429, "throttled")
    assert 0 < int(answer.headers["retry-after"]) <= at_most


@pytest.fixture
def replicas(own_server: OwnServer, tmp_path: Path) -> Iterator[tuple[FakeGraph, Service, Service]]:
    """A Graph and two services on one Valkey that call it. Tests whose holds would affect later tests use them."""
    with ExitStack() as stack:
        graph = stack.enter_context(running_facebook())
        store = stack.enter_context(own_server())
        one, other = (
            stack.enter_context(serving_graph(store.url, tmp_path / f"log{number}", graph)) for number in range(2)
        )
        yield graph, one, other


@pytest.mark.parametrize("row", KINDS.values(), ids=lambda row: row["name"])
def test_each_kind_of_error_is_answered_as_the_table_says(
    graph: FakeGraph,
    graph_service: Service,
    graph_shop: GraphShop,
    graph_operator: Operator,
    page: FakePage,
    row: dict[str, Any],
) -> None:
    """The table has the status, the reason, Retry-After, the number of calls and the time. The answer has no text of
    Facebook.
    """
    expect = row["expect"]
    graph.faults.script(page.id, fault_of(row), times=None)
    retries = graph_operator.counts("graph_retries_total")
    began = time.monotonic()
    answer = graph_shop.ask(page.id, "posts", limit=1)
    took = time.monotonic() - began

    assert refusal(answer) == (expect["status"], expect["reason"])
    assert answer.headers.get("retry-after") == (str(expect["retry_after"]) if "retry_after" in expect else None)
    assert "CANARY" not in answer.text + graph_service.log.read_text()
    assert graph.seen.total == calls_expected(row)
    assert took < DEADLINE_SECONDS
    if expect["retried"]:
        assert took >= LEAST_WAITS
        assert graph_operator.counts("graph_retries_total") - retries == {(expect["reason"],): TRIES - 1}
    else:
        assert graph_operator.counts("graph_retries_total") == retries
    (line,) = [one for one in graph_service.lines() if one["event"] == "graph_failed" and one["page"] == page.id]
    assert (line["reason"], line["code"], line["trace"]) == (
        expect["reason"],
        row["error"]["code"],
        row["error"]["fbtrace_id"],
    )
    afterwards(graph, graph_shop, page, expect)


def afterwards(graph: FakeGraph, shop: GraphShop, page: FakePage, expect: dict[str, Any]) -> None:
    """Check the answer to the next call, when Facebook works again."""
    graph.faults.clear()
    graph.seen.forget()
    match expect["reason"]:
        case "reconnect_page":
            assert refusal(shop.ask(page.id, "posts")) == (409, "reconnect_page")
            state = shop.get(f"/pages/{page.id}")
            assert (state["status"], state["token_reason"]) == ("reconnect", expect["token_reason"])
            assert graph.seen.total == 0
        case "throttled":
            held = "conversations" if expect["limit"] == "messenger" else "posts"
            free = "posts" if expect["limit"] == "messenger" else "conversations"
            seconds_left(shop.ask(page.id, held), expect["retry_after"])
            assert graph.seen.total == 0
            assert shop.fetch(page.id, free)["items"] == []
        case "policy_blocked":
            for edge in ("posts", "conversations"):
                seconds_left(shop.ask(page.id, edge), expect["retry_after"])
            assert graph.seen.total == 0
        case _:
            assert shop.fetch(page.id, "posts")["items"] == []
            assert graph.seen.total == 1


def test_a_limit_of_the_app_stops_every_page_on_every_replica(replicas: tuple[FakeGraph, Service, Service]) -> None:
    """After Facebook has refused one call, the services make no other call, also not for another Page or for
    conversations.
    """
    graph, one, other = replicas
    retry_after = OF_THE_APP["expect"]["retry_after"]
    first, second = new_page(graph.world), new_page(graph.world)
    with GraphShop(one.url) as shop, GraphShop(other.url) as same, GraphShop(one.url, "shop-2") as neighbour:
        shop.bring(first)
        neighbour.bring(second)
        graph.seen.forget()
        graph.faults.script(first.id, fault_of(OF_THE_APP))
        answer = shop.ask(first.id, "posts")
        assert refusal(answer) == (429, "throttled")
        assert answer.headers["retry-after"] == str(retry_after)
        seconds_left(same.ask(first.id, "posts"), retry_after)
        seconds_left(neighbour.ask(second.id, "posts"), retry_after)
        seconds_left(neighbour.ask(second.id, "conversations"), retry_after)
    assert graph.seen.total == 1


def test_app_usage_at_the_limit_stops_the_next_call_of_every_page(
    replicas: tuple[FakeGraph, Service, Service],
) -> None:
    """The call whose answer reports the usage succeeds. The next call is not made."""
    graph, one, other = replicas
    first, second = new_page(graph.world), new_page(graph.world)
    with GraphShop(one.url) as shop, GraphShop(other.url) as same, GraphShop(one.url, "shop-2") as neighbour:
        shop.bring(first)
        neighbour.bring(second)
        graph.faults.app_usage(100)
        assert shop.fetch(first.id, "posts")["items"] == []
        graph.faults.clear()
        graph.seen.forget()
        seconds_left(shop.ask(first.id, "posts"), 300)
        seconds_left(same.ask(first.id, "posts"), 300)
        seconds_left(neighbour.ask(second.id, "conversations"), 300)
    assert graph.seen.total == 0


def test_replicas_share_a_hold_and_the_pace_of_conversations(replicas: tuple[FakeGraph, Service, Service]) -> None:
    """All replicas together make two calls per second for a Page. A hold that one replica learns of stops the other
    too.
    """
    graph, one, other = replicas
    page = new_page(graph.world)
    with GraphShop(one.url) as shop, GraphShop(other.url) as same, ThreadPoolExecutor(6) as pool:
        shop.bring(page)
        began = time.monotonic()
        asked = [pool.submit(caller.ask, page.id, "conversations") for caller in (shop, same) * 3]
        assert [one.result().status_code for one in asked] == [200] * 6
        assert time.monotonic() - began >= 5 * 0.5
        graph.faults.script(page.id, throttles(80001, page=page.id, minutes=2))
        assert refusal(shop.ask(page.id, "posts")) == (429, "throttled")
        graph.seen.forget()
        seconds_left(same.ask(page.id, "posts"), 120)
    assert graph.seen.total == 0


def test_only_the_throttled_page_waits_for_the_time_that_facebook_says(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """For the minutes in the header there is no call for this budget. Calls for other Pages, and calls for the Page's
    other budget, continue.
    """
    other = new_page(graph.world)
    graph_shop.bring(other)
    graph.faults.script(page.id, throttles(80001, page=page.id, minutes=7))
    answer = graph_shop.ask(page.id, "posts")
    assert refusal(answer) == (429, "throttled")
    assert answer.headers["retry-after"] == "420"
    graph.seen.forget()
    for edge in ("posts", "videos", "posts/1_2/comments"):
        seconds_left(graph_shop.ask(page.id, edge), 420)
    assert graph.seen.total == 0
    assert graph_shop.fetch(other.id, "posts")["items"] == []
    assert graph_shop.fetch(page.id, "conversations")["items"] == []


def test_code_613_throttles_conversations_for_five_seconds(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """For conversations, code 613 is the limit of two calls per second."""
    graph.faults.script(page.id, throttles(613))
    answer = graph_shop.ask(page.id, "conversations")
    assert (refusal(answer), answer.headers["retry-after"]) == ((429, "throttled"), "5")
    assert graph_shop.fetch(page.id, "posts")["items"] == []


def test_usage_near_the_limit_slows_calls_down(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """At a usage of nine tenths, calls are one second apart. At a low usage no call waits."""
    graph.faults.usage(page.id, call_count=90)
    graph_shop.fetch(page.id, "posts")
    began = time.monotonic()
    for _ in range(2):
        graph_shop.fetch(page.id, "posts")
    assert time.monotonic() - began >= 0.95
    assert graph.seen.total == 3


@pytest.mark.parametrize(
    ("kind", "edge", "free"), [("pages", "posts", "conversations"), ("messenger", "conversations", "posts")]
)
def test_usage_at_the_limit_stops_the_next_call(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, kind: Any, edge: str, free: str
) -> None:
    """The call whose answer reports the usage succeeds. Later calls are answered 429 for the time that Facebook
    gave."""
    graph.faults.usage(page.id, kind, call_count=100, regain_minutes=3)
    assert graph_shop.fetch(page.id, edge)["items"] == []
    graph.faults.clear()
    graph.seen.forget()
    answer = graph_shop.ask(page.id, edge)
    seconds_left(answer, 180)
    assert int(answer.headers["retry-after"]) > 120
    assert graph.seen.total == 0
    assert graph_shop.fetch(page.id, free)["items"] == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (OUTAGE, "graph_unavailable"),
        (NULL, "graph_unavailable"),
        (EMPTY, "graph_unavailable"),
        (Says(200, b"[" * 5000, "application/json"), "graph_unavailable"),
        (Says(200, b'{"data": "many"}', "application/json"), "graph_unavailable"),
        (Says(502, b'{"data": []}', "application/json"), "graph_unavailable"),
        (without("data"), "graph_unavailable"),
        (Cuts(), "graph_unreachable"),
        (Cuts(at_once=True), "graph_unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value)[:40],
)
def test_a_single_failure_is_retried_and_an_outage_is_answered_502(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, fault: Fault, reason: str
) -> None:
    """The caller does not notice a single failure. After the last try, the failure is the answer."""
    post = graph.world.add_post(page, "post")
    graph.faults.script(page.id, fault)
    assert [item["id"] for item in graph_shop.fetch(page.id, "posts")["items"]] == [post.id]
    graph.faults.script(page.id, fault, times=TRIES)
    assert refusal(graph_shop.ask(page.id, "posts")) == (502, reason)
    assert graph.seen.total == 2 + TRIES
    assert graph.faults.left() == 0


def test_a_redirect_is_not_followed(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """If the service followed the redirect, it would send the token to another address. It does not repeat the call
    either."""
    graph.faults.script(page.id, redirects(f"{graph.url}/v26.0/elsewhere"))
    assert refusal(graph_shop.ask(page.id, "posts")) == (502, "graph_redirected")
    assert graph.seen.total == 1
    assert graph.seen.of("elsewhere") == []


def test_a_wrong_next_address_is_not_followed(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """The service only checks that `next` exists. It continues from the cursor beside it."""
    posts = [graph.world.add_post(page, f"post {number}").id for number in range(3)]

    def mislead(document: dict[str, Any]) -> None:
        if "next" in document["paging"]:
            document["paging"]["next"] = f"{graph.url}/v26.0/elsewhere?access_token=EAAstolen"

    graph.faults.script(page.id, Alters(mislead), times=None)
    assert [item["id"] for item in graph_shop.items(page.id, "posts", limit=1)] == posts[::-1]
    assert graph.seen.of("elsewhere") == []


def test_a_reduce_request_of_facebook_halves_the_limit_and_loses_no_item(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The service asks for 25, 12, 6 and 3 items. `after` continues behind the three items of the answer."""
    posts = [graph.world.add_post(page, f"post {number}").id for number in range(7)]
    graph.faults.reduce_above = 3
    first = graph_shop.fetch(page.id, "posts")
    assert [item["id"] for item in first["items"]] == posts[::-1][:3]
    assert [asked.params["limit"] for asked in graph.seen.requests] == ["25", "12", "6", "3"]
    assert [item["id"] for item in graph_shop.items(page.id, "posts")] == posts[::-1]


def test_a_too_large_answer_is_requested_again_with_a_smaller_limit(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The service does not read such an answer to its end. If a single item with only its id and times is too large,
    the answer is 502.
    """
    graph.world.add_post(page, "post")
    beyond = Pads(9 * 1024 * 1024)
    graph.faults.script(page.id, beyond, beyond)
    assert len(graph_shop.fetch(page.id, "posts", limit=8)["items"]) == 1
    assert [asked.params["limit"] for asked in graph.seen.requests] == ["8", "4", "2"]
    graph.faults.script(page.id, beyond, times=4)
    assert refusal(graph_shop.ask(page.id, "posts", limit=2)) == (502, "too_much_data")


def test_the_service_remembers_that_graph_accepts_only_the_old_proof(own_server: OwnServer, tmp_path: Path) -> None:
    """The service sends the other form of the proof at once, and first from then on."""
    with (
        running_facebook() as graph,
        own_server() as store,
        serving_graph(store.url, tmp_path / "log", graph) as service,
        GraphShop(service.url) as shop,
    ):
        page = new_page(graph.world)
        graph.world.timed_proof = False
        shop.bring(page)
        assert [asked.proof for asked in graph.seen.requests] == ["timed", "untimed", "untimed"]
        assert shop.fetch(page.id, "posts")["items"] == []
        assert [asked.proof for asked in graph.seen.requests][3:] == ["untimed"]


def test_calls_are_counted_by_edge_and_result(
    graph: FakeGraph, graph_shop: GraphShop, graph_operator: Operator, page: FakePage
) -> None:
    """Each try counts as a call. Retries, holds, usage and the time of each call have their own metrics."""
    names = ("graph_calls_total", "graph_retries_total", "graph_holds_total", "graph_usage_ratio_count")
    before = {name: graph_operator.counts(name) for name in (*names, "graph_seconds_count")}
    graph.faults.script(page.id, OUTAGE)
    graph_shop.fetch(page.id, "posts")
    graph.faults.usage(page.id, call_count=10)
    graph_shop.fetch(page.id, "videos")
    graph.faults.clear()
    graph.faults.script(page.id, Fails(100, 33))
    graph_shop.ask(page.id, "posts/1_2/comments")
    graph.faults.script(page.id, throttles(80006))
    graph_shop.ask(page.id, "conversations")
    graph_shop.ask(page.id, "conversations")
    since = {name: graph_operator.counts(name) - counted for name, counted in before.items()}
    assert since["graph_calls_total"] == {
        ("posts", "graph_unavailable"): 1,
        ("posts", "ok"): 1,
        ("videos", "ok"): 1,
        ("comments", "object_not_found"): 1,
        ("conversations", "throttled"): 1,
    }
    assert since["graph_seconds_count"] == {("posts",): 2, ("videos",): 1, ("comments",): 1, ("conversations",): 1}
    assert since["graph_retries_total"] == {("graph_unavailable",): 1}
    assert since["graph_holds_total"] == {("messenger",): 1}
    assert since["graph_usage_ratio_count"] == {("pages",): 1}
