"""The requests for each edge of Graph."""

import pytest

from domain.graph import EDGES, Edge, GraphQuery
from domain.ids import PageId
from domain.secret import Secret
from graph_client import edges
from graph_client.edges import ask_for, fallback_query, history_ask, limit_of, spacing_of
from graph_client.errors import (
    ErrorDetails,
    GraphError,
    GraphUnavailable,
    ObjectNotFound,
    ParameterRefused,
    PermissionMissing,
    ProofRefused,
    TokenDead,
)
from graph_client.fields import FIELDS
from simulator.graph_fields import choose

PAGE = PageId("104200000000001")


NODES = ("attachments", "customer")
"""Edges that are one object and no list."""


def query(edge: Edge, **more: object) -> GraphQuery:
    """Returns a query of a shop, with an object if the edge has one."""
    of = None if edge in ("posts", "videos", "conversations") else "7_8"
    return GraphQuery(edge, PAGE, of, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("edge", "path"),
    [
        ("posts", (PAGE, "published_posts")),
        ("videos", (PAGE, "videos")),
        ("live_videos", (PAGE, "live_videos")),
        ("comments", ("7_8", "comments")),
        ("live_comments", ("7_8", "comments")),
        ("replies", ("7_8", "comments")),
        ("conversations", (PAGE, "conversations")),
        ("conversation_messages", ("7_8", "messages")),
        ("attachments", ("7_8",)),
        ("customer", ("7_8",)),
    ],
)
def test_each_edge_has_its_path_its_fields_and_its_budget(edge: Edge, path: tuple[str, ...]) -> None:
    """A single customer is not a list."""
    ask = ask_for(query(edge))
    assert (ask.method, ask.path, ask.limit) == ("GET", path, limit_of(edge))
    assert ask.lists == (edge not in NODES)
    assert ask.params["fields"].startswith("id,")
    assert "email" not in ask.params["fields"]


@pytest.mark.parametrize(
    ("node", "fields"),
    [
        ("PagePost", edges.POST_FIELDS),
        ("PagePost", edges.VIDEO_POST_FIELDS),
        ("Video", edges.VIDEO_FIELDS),
        ("LiveVideo", edges.LIVE_VIDEO_FIELDS),
        ("Video", edges.LIVE_AMONG_VIDEOS_FIELDS),
        ("Comment", edges.COMMENT_FIELDS),
        ("UnifiedThread", edges.CONVERSATION_FIELDS),
        ("UnifiedThread", edges.HISTORY_CONVERSATION_FIELDS),
        ("Message", edges.MESSAGE_FIELDS),
        ("Message", edges.ATTACHMENT_FIELDS),
        ("Message", edges.HISTORY_MESSAGE_FIELDS),
        ("User", edges.CUSTOMER_FIELDS),
    ],
)
def test_every_requested_field_exists_on_its_node(node: str, fields: str) -> None:
    """One unknown field name fails the whole call."""
    assert choose(node, fields)


def test_conversations_and_customers_are_charged_to_messenger() -> None:
    """Only these calls use this budget. Each Page may make two conversation calls a second."""
    assert [edge for edge in EDGES if limit_of(edge) == "messenger"] == list(EDGES[-4:])
    assert {edge: spacing_of(edge) for edge in EDGES if spacing_of(edge)} == {
        "conversations": 0.5,
        "conversation_messages": 0.5,
        "attachments": 0.5,
    }


@pytest.mark.parametrize("edge", [edge for edge in EDGES if edge not in NODES])
def test_the_limit_of_a_call_stays_between_one_and_a_hundred(edge: Edge) -> None:
    """More than a hundred is an error on posts."""
    assert [ask_for(query(edge, limit=limit)).params["limit"] for limit in (0, 1, 100, 101)] == ["1", "1", "100", "100"]


@pytest.mark.parametrize("edge", [edge for edge in EDGES if edge not in (*NODES, "videos", "live_videos")])
def test_a_cursor_is_sent_back_unchanged(edge: Edge) -> None:
    """A cursor belongs to Facebook, and the service does not read it."""
    assert ask_for(query(edge, after="QVFI=")).params["after"] == "QVFI="
    assert "after" not in ask_for(query(edge)).params


def test_times_are_sent_in_seconds_to_edges_that_support_them() -> None:
    """Conversations have no such parameter, and an unknown parameter may fail the call."""
    both = {"since": 1_770_000_000_999, "until": 1_770_000_001_000}
    posts = ask_for(query("posts", **both)).params
    assert (posts["since"], posts["until"]) == ("1770000000", "1770000001")
    comments = ask_for(query("comments", **both)).params
    assert comments["since"] == "1770000000"
    assert "until" not in comments
    for edge in ("videos", "conversations", "conversation_messages", "customer"):
        assert not {"since", "until"} & set(ask_for(query(edge, **both)).params)


def test_order_and_filter_are_passed_to_graph_unchanged() -> None:
    """If they are absent, Facebook chooses."""
    params = ask_for(query("comments", order="reverse_chronological", filter="stream")).params
    assert (params["order"], params["filter"]) == ("reverse_chronological", "stream")
    assert not {"order", "filter"} & set(ask_for(query("replies")).params)


def test_only_conversations_of_messenger_are_requested() -> None:
    """A Page may also have conversations of Instagram."""
    assert ask_for(query("conversations")).params["platform"] == "messenger"
    assert history_ask(query("conversations")).params["platform"] == "messenger"


@pytest.mark.parametrize(
    "error",
    [
        ParameterRefused(ErrorDetails(100)),
        ObjectNotFound(ErrorDetails(100, 33)),
        PermissionMissing((), ErrorDetails(3)),
        PermissionMissing((), ErrorDetails(10)),
    ],
)
def test_refused_videos_are_searched_in_the_posts(error: GraphError) -> None:
    """A cursor says which of the two lists it belongs to, and the walk continues in this list."""
    other = fallback_query(query("videos", limit=7), error)
    assert other is not None
    ask = ask_for(other)
    assert ask.path == (PAGE, "published_posts")
    assert (ask.params["fields"], ask.params["limit"]) == (edges.VIDEO_POST_FIELDS, "7")
    assert "after" not in ask.params
    assert "type" not in ask.params
    following = ask_for(query("videos", after="pQVFI"))
    assert (following.path, following.params["after"]) == ((PAGE, "published_posts"), "QVFI")
    assert fallback_query(other, error) is None


@pytest.mark.parametrize(
    ("edge", "after", "error"),
    [
        ("posts", None, ParameterRefused(ErrorDetails(100))),
        ("videos", "vQVFI", ParameterRefused(ErrorDetails(100))),
        ("videos", None, ProofRefused(ErrorDetails(100))),
        ("videos", None, GraphUnavailable(ErrorDetails(2))),
        ("videos", None, TokenDead("expired", ErrorDetails(190))),
        ("videos", None, ParameterRefused()),
    ],
)
def test_other_refusals_have_no_fallback(edge: Edge, after: str | None, error: GraphError) -> None:
    """Positions in one list are not valid in the other list. A dead token reads nothing."""
    assert fallback_query(query(edge, after=after), error) is None


@pytest.mark.parametrize("cursor", ["QVFI", "v", "x1", "", "VQVFI", " p"])
def test_a_foreign_cursor_of_videos_is_refused(cursor: str) -> None:
    """The service refuses the cursor before any call."""
    with pytest.raises(ParameterRefused):
        ask_for(query("videos", after=cursor))


def test_a_cursor_of_videos_continues_in_the_list_of_videos() -> None:
    """Only uploaded videos are listed, not videos that only name the Page."""
    ask = ask_for(query("videos", after="vQVFI"))
    assert (ask.path, ask.params["after"], ask.params["type"]) == ((PAGE, "videos"), "QVFI", "uploaded")


def test_history_asks_for_no_names() -> None:
    """A webhook contains only ids."""
    ask = history_ask(query("conversation_messages", after="a", limit=50))
    assert (ask.path, ask.params["after"], ask.params["limit"]) == (("7_8", "messages"), "a", "50")
    assert "from{id},to{id}" in ask.params["fields"]


def test_calls_that_connect_a_page_have_their_documented_parameters() -> None:
    """The body has all fields to subscribe. The token that is checked is in its documented parameter."""
    assert edges.subscribe(PAGE, FIELDS).form == {"subscribed_fields": ",".join(FIELDS)}
    assert (edges.subscribe(PAGE, FIELDS).method, edges.subscribe(PAGE, FIELDS).params) == ("POST", {})
    assert (edges.unsubscribe(PAGE).method, edges.unsubscribe(PAGE).path) == ("DELETE", (PAGE, "subscribed_apps"))
    assert edges.subscription(PAGE).lists
    assert edges.debug_token(Secret("EAA")).params == {"input_token": "EAA"}
    assert edges.me().params == {"fields": "id"}


def test_an_edge_without_its_object_has_an_empty_part_in_its_path() -> None:
    """`wire.build` refuses an empty part."""
    assert ask_for(GraphQuery("comments", PAGE)).path == ("", "comments")
