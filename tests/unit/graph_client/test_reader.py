"""The reader fetches from Facebook for a shop. The tests check which calls it makes, and where it looks for videos."""

from typing import Any

import pytest

from app.shop_turns import ShopTurns
from domain.errors import PageInboxError
from domain.graph import Fetched, GraphQuery
from graph_client.errors import GraphError, ObjectNotFound, Throttled, TokenDead
from graph_client.graph_reader import GraphReader
from tests.unit.graph_client.fakes import PAGE, SHOP, Budgets, Entry, Setup, ok, refused

VIDEOS, POSTS = f"GET {PAGE}/videos", f"GET {PAGE}/published_posts"


def more(after: str, *rows: dict[str, Any]) -> dict[str, Any]:
    """Returns an answer that has a next page."""
    return {"data": rows, "paging": {"cursors": {"after": after}, "next": "https://graph.example/next"}}


async def fetch(setup: Setup, query: GraphQuery) -> Fetched:
    """Returns one page of the list."""
    return await GraphReader(setup.calls, ShopTurns()).fetch(SHOP, query)


async def test_posts_are_fetched_in_one_call_and_converted() -> None:
    """The reader makes one call and counts it under its edge. The cursor continues the list."""
    setup = Setup()
    setup.facebook.will(POSTS, ok(more("QVFI", {"id": "1", "created_time": "2026-02-02T02:41:10+0000"})))
    found = await fetch(setup, GraphQuery("posts", PAGE, limit=7))
    assert found == Fetched([{"id": "1", "created_time": "2026-02-02T02:41:10.000Z"}], "QVFI")
    assert setup.facebook.asked[0].query["limit"] == "7"
    assert setup.count("graph_calls_total", edge="posts", outcome="ok") == 1


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (GraphQuery("posts", PAGE), ("pages", 0.0, 4.0)),
        (GraphQuery("comments", PAGE, "1"), ("pages", 0.0, 4.0)),
        (GraphQuery("conversations", PAGE), ("messenger", 0.5, 4.0)),
        (GraphQuery("conversation_messages", PAGE, "t_1"), ("messenger", 0.5, 4.0)),
        (GraphQuery("customer", PAGE, "7000000000000001"), ("messenger", 0.0, 4.0)),
    ],
    ids=lambda one: one.edge if isinstance(one, GraphQuery) else "",
)
async def test_every_edge_uses_the_correct_budget_and_spacing(query: GraphQuery, asked: tuple[Any, ...]) -> None:
    """Each Page makes at most two conversation calls a second."""
    setup = Setup(budgets=Budgets(Entry(held=1)))
    with pytest.raises(Throttled):
        await fetch(setup, query)
    assert setup.budgets.asked == [asked]


@pytest.mark.parametrize(
    ("code", "error"), [(190, TokenDead), (80_001, Throttled), (200, PageInboxError), (803, ObjectNotFound)]
)
async def test_other_refusals_of_videos_are_returned_without_a_call_for_posts(
    code: int, error: type[PageInboxError]
) -> None:
    """Facebook would refuse the posts too."""
    setup = Setup()
    setup.facebook.will(VIDEOS, refused(code))
    with pytest.raises(error):
        await fetch(setup, GraphQuery("videos", PAGE))
    assert setup.facebook.told == [VIDEOS]


async def test_a_refusal_of_videos_and_of_posts_is_returned() -> None:
    """Each list is asked once."""
    setup = Setup()
    setup.facebook.will(VIDEOS, refused(10))
    setup.facebook.will(POSTS, refused(10))
    with pytest.raises(GraphError) as refusal:
        await fetch(setup, GraphQuery("videos", PAGE))
    assert refusal.value.reason == "permission_missing"
    assert setup.facebook.told == [VIDEOS, POSTS]
