"""Pages of a list: both orders, with times and with gaps."""

import pytest

from domain.ids import PageId
from simulator.graph_nodes import Node
from simulator.graph_paging import Found, Place, Wanted, page_of
from simulator.graph_refusals import GraphErrorAnswer

NODES = [Node(str(n), "Comment", PageId("1"), (1000 * n, n), {}) for n in range(10)]


def ids(found: Found) -> str:
    """Returns the ids of a page as one digit each."""
    return "".join(node.id for node in found.nodes)


def walked(**wanted: object) -> list[str]:
    """Returns the pages of a whole list as a caller reads them, with `after` until the end."""
    pages, after = [], None
    while True:
        found = page_of(NODES, Wanted(after=after, **wanted))  # type: ignore[arg-type]
        pages.append(ids(found))
        if not found.more:
            return pages
        after = found.after


@pytest.mark.parametrize(("newest_first", "pages"), [(False, ["0123", "4567", "89"]), (True, ["9876", "5432", "10"])])
def test_a_walk_shows_every_node_once(newest_first: bool, pages: list[str]) -> None:
    """The nodes are in order, and the last page has no next page."""
    assert walked(limit=4, newest_first=newest_first) == pages


def test_times_bound_a_list_to_the_second() -> None:
    """The list includes the nodes of the first and of the last second."""
    assert walked(limit=9, since=3, until=5) == ["345"]
    assert walked(limit=2, since=3, until=5, newest_first=True) == ["54", "3"]
    assert walked(limit=2, since=99) == [""]


def test_an_empty_page_is_not_the_end_of_a_list_with_gaps() -> None:
    """For example, privacy filters can empty a page. A caller that continues misses nothing."""
    assert walked(limit=4, gaps=True) == ["0123", "", "4567", "", "89"]


def test_a_list_that_grows_does_not_shift_a_walk() -> None:
    """A cursor is a position between two nodes and not a count of nodes."""
    first = page_of(NODES[:6], Wanted(3, newest_first=True))
    assert ids(first) == "543"
    assert ids(page_of(NODES, Wanted(3, newest_first=True, after=first.after))) == "210"


@pytest.mark.parametrize("cursor", ["", "x", "!", "MTI", "YTpiOmM", "ÿ"])
def test_a_mangled_cursor_is_refused(cursor: str) -> None:
    """The error has the code of a bad parameter."""
    with pytest.raises(GraphErrorAnswer) as refused:
        page_of(NODES, Wanted(after=cursor))
    assert refused.value.code == 100


def test_the_address_of_the_next_page_is_complete_and_contains_the_token() -> None:
    """Graph's own addresses contain the token too, which is a risk for clients. The last page has no such address."""
    place = Place("v26.0", "EAATOKEN")
    paging = page_of(NODES, Wanted(4)).paging(place, "1/comments", {"limit": 4})
    assert paging is not None
    assert paging["next"].startswith("https://graph.facebook.com/v26.0/1/comments?access_token=EAATOKEN&")
    last = page_of(NODES, Wanted(10)).paging(place, "1/comments", {})
    assert last is not None
    assert set(last) == {"cursors"}
    assert page_of([], Wanted()).paging(place, "1/comments", {}) is None
