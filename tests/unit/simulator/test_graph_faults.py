"""Scripted faults of the simulated Graph: which call gets each fault, and the answer."""

import json
import random

import pytest

from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_faults import (
    Fails,
    Faults,
    Fine,
    throttles,
)
from simulator.graph_world import World
from tests.graph import Caller, error_of
from tests.support import FakeClock

PAGE, OTHER = PageId("104200000000001"), PageId("104200000000002")


@pytest.fixture
def graph() -> Caller:
    """Returns a client of one Page with a post."""
    world = World("2001", [Secret("shop-app-secret-1")], random.Random(1), FakeClock().moment)
    page = world.add_page(PAGE)
    world.add_post(page, "sale")
    return Caller(world, page.token)


def test_a_script_applies_only_to_matching_calls() -> None:
    """A script is for a Page, for a part of the path, or for all calls. A call uses the first script that matches."""
    faults = Faults()
    faults.script("/posts", Fails(2), Fine(), Fails(1))
    faults.script(PAGE, Fails(4))
    taken = [faults.take("/v26.0/1/posts", OTHER) for _ in range(4)]
    assert taken == [Fails(2), Fine(), Fails(1), Fine()]
    assert faults.take("/v26.0/9_9/comments", PAGE) == Fails(4)
    assert faults.left() == 0


async def test_a_scripted_error_has_its_status_code_subcode_and_headers(graph: Caller) -> None:
    """The error may have further fields and may come with a good status."""
    graph.faults.script(PAGE, Fails(190, 460, status=401, extra={"error_user_msg": "x"}, headers=(("x-y", "z"),)))
    graph.faults.script(PAGE, Fails(2, status=200, is_transient=True))
    answer = await graph.ask("me")
    assert error_of(answer) == (401, 190, 460)
    assert (answer.headers["x-y"], answer.json()["error"]["error_user_msg"]) == ("z", "x")
    inside = await graph.ask("me")
    assert (error_of(inside), inside.json()["error"]["is_transient"]) == ((200, 2, None), True)
    assert (await graph.ask("me")).status_code == 200


async def test_a_throttled_answer_contains_the_time_to_wait(graph: Caller) -> None:
    """The header has the time in minutes, under the Page's id."""
    graph.faults.script(PAGE, throttles(80006, page=PAGE, kind="messenger", minutes=3))
    answer = await graph.ask("me")
    assert error_of(answer)[1] == 80006
    (counters,) = json.loads(answer.headers["x-business-use-case-usage"])[PAGE]
    assert (counters["type"], counters["call_count"]) == ("messenger", 100)
    assert counters["estimated_time_to_regain_access"] == 3
    graph.faults.app_usage(28)
    graph.faults.script(PAGE, throttles(4))
    assert json.loads((await graph.ask("me")).headers["x-app-usage"])["call_count"] == 100


async def test_every_answer_of_a_page_has_the_usage_headers(graph: Caller) -> None:
    """One header has the usage of both kinds. All answers have the app's usage too."""
    graph.faults.usage(PAGE, "pages", call_count=97, regain_minutes=5)
    graph.faults.usage(PAGE, "messenger", call_count=12)
    graph.faults.usage(OTHER, call_count=1)
    graph.faults.app_usage(28)
    for path in ("me", "nothing-there"):
        headers = (await graph.ask(path)).headers
        usage = json.loads(headers["x-business-use-case-usage"])
        assert list(usage) == [PAGE]
        assert [(one["type"], one["call_count"]) for one in usage[PAGE]] == [("pages", 97), ("messenger", 12)]
        assert json.loads(headers["x-app-usage"]) == {"call_count": 28, "total_time": 28, "total_cputime": 28}
    graph.faults.clear()
    assert not {"x-app-usage", "x-business-use-case-usage"} & set((await graph.ask("me")).headers)


async def test_too_much_data_is_recognized_only_by_the_text_of_the_error(graph: Caller) -> None:
    """Code 1 is also the code of an outage, so only the text tells the two errors apart. The simulator decides by
    the `limit` of the call.
    """
    graph.faults.reduce_above = 10
    for params in ({"limit": "11"}, {}):
        answer = await graph.ask(f"{PAGE}/published_posts", **params)
        assert error_of(answer) == (500, 1, None)
        assert "reduce the amount of data" in answer.json()["error"]["message"]
    assert (await graph.ask(f"{PAGE}/published_posts", limit="10")).status_code == 200
    for path in ("me", f"{PAGE}/subscribed_apps"):
        assert (await graph.ask(path)).status_code == 200


async def test_requests_are_recorded_without_tokens(graph: Caller) -> None:
    """The record has the names of headers, the parameters and the Page, but no token and no proof."""
    await graph.ask(f"{PAGE}/published_posts", limit="3")
    (asked,) = graph.seen.of("/published_posts")
    assert (asked.method, asked.path, dict(asked.params)) == ("GET", f"/v26.0/{PAGE}/published_posts", {"limit": "3"})
    assert (asked.page, asked.where, asked.proof) == (PAGE, "header", "untimed")
    assert "authorization" in asked.headers
    assert graph.token.reveal() not in repr(asked)
    graph.seen.forget()
    assert (graph.seen.total, list(graph.seen.requests)) == (0, [])
