"""Fetching from Facebook, over a reader that records its calls."""

from typing import Any

import pytest
from pydantic import BaseModel

from api.graph_models import (
    CommentsModel,
    CustomersModel,
    GraphConversationsModel,
    GraphMessagesModel,
    LiveVideosModel,
    PostsModel,
    VideosModel,
)
from domain.graph import EDGES, GraphQuery
from domain.ids import PageId
from tests.unit.api.fakes import FETCHED, SHOP, Setup

PAGE = PageId("104200000000001")
ROUTES: list[tuple[str, GraphQuery, type[BaseModel]]] = [
    ("posts", GraphQuery("posts", PAGE), PostsModel),
    ("videos", GraphQuery("videos", PAGE), VideosModel),
    ("live-videos", GraphQuery("live_videos", PAGE), LiveVideosModel),
    ("posts/1_2/comments", GraphQuery("comments", PAGE, "1_2"), CommentsModel),
    ("live-videos/9/comments", GraphQuery("live_comments", PAGE, "9"), CommentsModel),
    ("comments/2_3/replies", GraphQuery("replies", PAGE, "2_3"), CommentsModel),
    ("conversations", GraphQuery("conversations", PAGE), GraphConversationsModel),
    ("conversations/t_1/messages", GraphQuery("conversation_messages", PAGE, "t_1"), GraphMessagesModel),
    ("customers/7", GraphQuery("customer", PAGE, "7"), CustomersModel),
]
PATHS = [path for path, _, _ in ROUTES]


def ask(setup: Setup, path: str) -> Any:
    """Returns the answer for an edge of the Page."""
    return setup.client.get(f"{SHOP}/pages/{PAGE}/{path}")


def test_every_edge_has_its_route() -> None:
    """Every route has a different edge."""
    assert [query.edge for _, query, _ in ROUTES] == [edge for edge in EDGES if edge != "attachments"]


@pytest.mark.parametrize(("path", "query", "model"), ROUTES, ids=PATHS)
def test_the_answer_has_the_items_and_the_cursor_of_facebook(
    setup: Setup, path: str, query: GraphQuery, model: type[BaseModel]
) -> None:
    """The answer has the described shape. Caches may not store it."""
    answer = ask(setup, path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    after = None if query.edge == "customer" else "QVFIUmx1"
    assert answer.json() == {"items": FETCHED[query.edge], "after": after}
    model.model_validate_json(answer.content)
    assert setup.store.asked == ("fetch", "demo", query)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("posts?limit=2&after=c&since=1&until=2", GraphQuery("posts", PAGE, None, 2, "c", since=1000, until=2000)),
        ("live-videos?limit=2&after=c", GraphQuery("live_videos", PAGE, None, 2, "c")),
        (
            "live-videos/9/comments?limit=2&after=c&order=reverse_chronological&filter=stream&since=1",
            GraphQuery("live_comments", PAGE, "9", 2, "c", "reverse_chronological", "stream", 1000),
        ),
        ("videos?limit=2&after=c", GraphQuery("videos", PAGE, None, 2, "c")),
        (
            "posts/1_2/comments?limit=2&after=c&order=chronological&filter=stream&since=1",
            GraphQuery("comments", PAGE, "1_2", 2, "c", "chronological", "stream", 1000),
        ),
        (
            "comments/2_3/replies?limit=2&after=c&order=chronological&filter=toplevel&since=1",
            GraphQuery("replies", PAGE, "2_3", 2, "c", "chronological", "toplevel", 1000),
        ),
        ("conversations?customer=7", GraphQuery("conversations", PAGE, "7")),
        ("conversations?limit=2&after=c", GraphQuery("conversations", PAGE, None, 2, "c")),
        ("conversations/t_1/messages?limit=2&after=c", GraphQuery("conversation_messages", PAGE, "t_1", 2, "c")),
        ("customers/7?limit=2&after=c", GraphQuery("customer", PAGE, "7", 2, "c")),
    ],
)
def test_parameters_reach_the_reader(setup: Setup, path: str, query: GraphQuery) -> None:
    """If the reader fetches a single customer, it ignores the parameters of a list."""
    assert ask(setup, path).status_code == 200
    assert setup.store.asked == ("fetch", "demo", query)


@pytest.mark.parametrize("path", PATHS)
def test_limit_and_after_are_checked_before_anything_is_fetched(setup: Setup, path: str) -> None:
    """Every edge has the same checks."""
    for query in ("limit=0", "limit=101", "after=%00", "limit=1&limit=1", "since=1&colour=red"):
        answer = ask(setup, f"{path}?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert setup.store.asked == ()


def test_an_item_with_only_an_id_fits_its_model() -> None:
    """Facebook leaves out fields without data, and fields that it does not show."""
    for _, _, model in ROUTES:
        model.model_validate_json(b'{"items":[{"id":"1"}],"after":null}')
