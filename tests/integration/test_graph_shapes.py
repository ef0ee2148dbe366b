"""A shop's answers when Graph answers unusually: a refusal without a subcode, a list without cursors, an item that is
too large.
"""

from typing import Any, Final

import pytest

from domain.ids import Psid
from simulator.graph_faults import Alters, Fails
from simulator.graph_made_up import made_up
from simulator.graph_nodes import FakePage
from simulator.graph_shapes import by_time, without_cursors
from tests.callers import Operator
from tests.facebook import GraphShop, refusal
from tests.graph import FakeGraph

SOKHA: Final = Psid("7000000000000100")
NOWHERE: Final = (
    "Unsupported get request. Object with ID '7' does not exist, cannot be loaded due to missing permissions, or does"
    " not support this operation."
)


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (Fails(100, 2018247, message="(#100) Insufficient permission to access user profile."), "permission_missing"),
        (Fails(100, 2018001, message="(#100) No matching user found"), "object_not_found"),
    ],
    ids=["2018247", "2018001"],
)
def test_the_answer_for_a_refused_profile_names_the_kind_of_refusal(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, fails: Fails, expected: str
) -> None:
    """The refusal becomes the answer if the customer's conversation has no name either. Another customer's name is
    answered as usual."""
    graph.world.say(page, SOKHA, "សួស្តី")
    stranger = "7000000000000999"
    graph.world.meet(page, Psid(stranger), "Dara", graph.world.now())
    graph.faults.script(f"/{stranger}", fails, times=None)
    graph.faults.script("/conversations", Fails(100, 33), times=None)
    status = {"permission_missing": 409, "object_not_found": 404}[expected]
    assert refusal(graph_shop.ask(page.id, f"customers/{stranger}")) == (status, expected)
    graph.faults.clear()
    assert graph_shop.fetch(page.id, f"customers/{SOKHA}")["items"][0]["id"] == SOKHA


@pytest.mark.parametrize(
    ("fails", "expected", "named"),
    [
        (Fails(100, message=NOWHERE), (404, "object_not_found"), ""),
        (
            Fails(100, message="(#100) This endpoint requires the 'pages_read_user_content' permission."),
            (409, "permission_missing"),
            "pages_read_user_content",
        ),
        (Fails(12, message="(#12) singular published posts API is deprecated"), (404, "object_not_found"), ""),
        (Fails(21, message="(#21) Page ID 1 was migrated to page ID 2"), (404, "object_not_found"), ""),
        (Fails(-3, status=400, message="An unknown error has occurred."), (502, "graph_unavailable"), ""),
    ],
    ids=["nowhere", "permission", "12", "21", "-3"],
)
def test_the_text_of_a_refusal_without_a_subcode_gives_its_reason(
    graph: FakeGraph,
    graph_shop: GraphShop,
    page: FakePage,
    fails: Fails,
    expected: tuple[int, str],
    named: str,
) -> None:
    """The answer names the missing permission to the shop."""
    graph.faults.script("/published_posts", fails, times=None)
    answer = graph_shop.ask(page.id, "posts")
    assert refusal(answer) == expected
    assert named in answer.json()["detail"]


def test_error_code_minus_3_is_retried(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """The next try succeeds."""
    made_up(graph.world, page, posts=1)
    graph.faults.script("/published_posts", Fails(-3, status=400))
    assert len(graph_shop.items(page.id, "posts")) == 1


def test_an_unknown_field_of_graph_is_left_out_and_the_other_fields_are_answered(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, graph_operator: Operator
) -> None:
    """The service asks for the field once and not again. A metric names the field."""
    made_up(graph.world, page, posts=2)
    unknown = Fails(100, message="(#100) Tried accessing nonexisting field (status_type) on node type (PagePost)")
    graph.faults.script("/published_posts", unknown)
    found = graph_shop.fetch(page.id, "posts")["items"]
    assert len(found) == 2
    assert all("message" in post or "attachments" in post for post in found)
    assert "status_type" not in graph.seen.of("/published_posts")[-1].params["fields"]
    asked = len(graph.seen.of("/published_posts"))
    assert len(graph_shop.fetch(page.id, "posts")["items"]) == 2
    assert len(graph.seen.of("/published_posts")) == asked + 1
    assert graph_operator.counts("graph_unknown_fields_total")["posts", "status_type"] == 1


@pytest.mark.parametrize("shape", [without_cursors, by_time], ids=["after", "until and __paging_token"])
def test_a_list_without_cursors_continues_with_the_address_of_its_next_page(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, shape: Any
) -> None:
    """The walk reaches the end. The API passes on the position in the list, and no other part of the address and no
    token.
    """
    made_up(graph.world, page, posts=5)
    everything = [post["id"] for post in graph_shop.items(page.id, "posts")]
    change: Alters = shape()
    graph.faults.script("/published_posts", change, times=None)
    walked = list(graph_shop.pages_of(page.id, "posts", limit=2))
    assert [post["id"] for items in walked for post in items] == everything
    assert [len(items) for items in walked] == [2, 2, 1]
    assert "EAA" not in graph_shop.fetch(page.id, "posts", limit=2)["after"]


@pytest.mark.parametrize(("level", "kept", "lost"), [(1, "message", "attachments"), (2, "created_time", "message")])
def test_a_too_large_item_has_fewer_fields_and_the_list_continues(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, level: int, kept: str, lost: str
) -> None:
    """The item says that it is partial and names the missing fields. The items behind it are complete."""
    world = graph.world
    posts = [world.add_post(page, f"post {n}", at=world.now() - n * 60_000).id for n in range(4)]
    graph.faults.too_large = {posts[1]: level}
    found = graph_shop.items(page.id, "posts", limit=4)
    assert [post["id"] for post in found] == posts
    large = found[1]
    assert large["partial"] is True
    assert kept in large
    assert lost in large["missing"]
    assert {"comment_count", "reaction_count"} <= set(large["missing"])
    assert all("partial" not in post and "comment_count" in post for post in found if post["id"] != posts[1])
