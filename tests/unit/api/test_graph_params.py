"""Parameters of the routes that fetch from Facebook."""

import pytest

from api.graph_params import LONGEST_AFTER, CommentsQuery, EdgeQuery, PostsQuery
from api.params import InvalidRequest, parse_query
from domain.graph import GraphQuery
from domain.ids import PageId

PAGE = PageId("104200000000001")
MODELS = (EdgeQuery, PostsQuery, CommentsQuery)


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_query_asks_for_the_first_twenty_five(model: type[EdgeQuery]) -> None:
    """Facebook has the same default. An empty parameter has the same effect as no parameter."""
    for pairs in ([], [("after", ""), ("limit", "")]):
        query = parse_query(model, pairs)
        assert query is not None
        assert query.query("videos", PAGE) == GraphQuery("videos", PAGE, None, 25)


def test_every_parameter_of_posts_reaches_the_reader() -> None:
    """Times arrive in milliseconds, for every spelling."""
    pairs = [("limit", "100"), ("after", "QVFI=="), ("since", "1770000000"), ("until", "2026-02-02T09:40:00.123+07:00")]
    query = parse_query(PostsQuery, pairs)
    assert query is not None
    assert query.query("posts", PAGE) == GraphQuery(
        "posts", PAGE, None, 100, "QVFI==", since=1_770_000_000_000, until=1_770_000_000_123
    )


def test_every_parameter_of_comments_reaches_the_reader() -> None:
    """The id of the object with the comments arrives too."""
    pairs = [("limit", "1"), ("order", "reverse_chronological"), ("filter", "stream"), ("since", "1770000000123")]
    query = parse_query(CommentsQuery, pairs)
    assert query is not None
    assert query.query("replies", PAGE, "7701_5501") == GraphQuery(
        "replies", PAGE, "7701_5501", 1, None, "reverse_chronological", "stream", 1_770_000_000_123
    )


def test_a_cursor_may_be_long_and_have_any_characters() -> None:
    """The cursor is returned unchanged."""
    for cursor in ("x" * LONGEST_AFTER, "a+/=_-.:|%20 ខ"):
        query = parse_query(EdgeQuery, [("after", cursor)])
        assert query is not None
        assert query.after == cursor


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("limit", value) for value in ("0", "101", "-1", "1.0", "abc")],
        *[("after", value) for value in ("x" * (LONGEST_AFTER + 1), "a\x00b", "a\nb")],
        *[("order", value) for value in ("ranked", "CHRONOLOGICAL")],
        *[("filter", value) for value in ("all", "Stream")],
        *[("since", value) for value in ("yesterday", "2026-02-02", "-1")],
    ],
)
def test_a_value_out_of_range_is_named_but_not_repeated(name: str, value: str) -> None:
    """The service refuses the value before it calls Facebook."""
    with pytest.raises(InvalidRequest, match=f"^{name}: ") as refused:
        parse_query(CommentsQuery, [(name, value)])
    assert refused.value.reason == "invalid_parameter"
    assert len(value) < 4 or value not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "name"), [(EdgeQuery, "since"), (EdgeQuery, "order"), (PostsQuery, "filter"), (CommentsQuery, "until")]
)
def test_a_parameter_that_an_edge_does_not_have_is_refused(model: type[EdgeQuery], name: str) -> None:
    """Facebook ignores some of these parameters silently, and then returns more items than the caller wants."""
    with pytest.raises(InvalidRequest) as refused:
        parse_query(model, [(name, "1")])
    assert refused.value.reason == "unknown_parameter"
