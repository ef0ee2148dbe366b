"""A Page with content as a small shop has it, and the demo's."""

import random

from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_demo import COMMENTS, CONVERSATIONS, POSTS, VIDEOS, demo_world
from simulator.graph_made_up import made_up
from simulator.graph_nodes import Node
from simulator.graph_world import World
from tests.graph import Caller
from tests.support import FakeClock

PAGE = PageId("104200000000001")
SECRET = Secret("shop-app-secret-1")
NOW = 1_770_000_000_000


def demo(seed: int = 1) -> World:
    """The world of `page-inbox run`."""
    return demo_world(PAGE, "2001", [SECRET], Secret("EAAdemo"), rng=random.Random(seed), now=lambda: NOW)


def contents(world: World) -> dict[str, object]:
    """Everything that is in it, by id."""
    return {identity: node.document for identity, node in world.objects.items()}


def test_the_same_randomness_makes_the_same_shop() -> None:
    """And other randomness another."""
    assert contents(demo()) == contents(demo())
    assert contents(demo()) != contents(demo(2))


async def test_the_demo_shop_is_lively() -> None:
    """Posts with photos, videos, comments on each post and replies among them, conversations."""
    graph = Caller(demo(), Secret("EAAdemo"))
    posts = await graph.walk(f"{PAGE}/published_posts", fields="attachments{media_type,media},comments.summary(true)")
    kinds = [part["media_type"] for post in posts for part in post.get("attachments", {"data": []})["data"]]
    assert len(posts) == POSTS + VIDEOS
    assert set(kinds) == {"photo", "album", "video"}
    assert [post["comments"]["summary"]["total_count"] for post in posts].count(COMMENTS) == POSTS
    assert len(await graph.walk(f"{PAGE}/videos", type="uploaded")) == VIDEOS
    assert len(await graph.walk(f"{PAGE}/conversations", platform="messenger")) == CONVERSATIONS
    replies = [node for node in graph.world.objects.values() if "parent" in node.document]
    assert replies


def test_everything_has_happened_before_now() -> None:
    """No comment is older than its post, no conversation newer than its last message."""
    world = demo()
    for node in world.objects.values():
        assert node.rank[0] <= NOW
        if node.type == "Comment":
            assert node.above is not None
            assert node.above.rank < node.rank


def test_replies_nest_one_level_as_in_the_official_apps() -> None:
    """Deeper ones are possible, and not made up."""

    def depth(node: Node) -> int:
        return 0 if node.above is None else 1 + depth(node.above)

    assert {depth(node) for node in demo().objects.values() if node.type == "Comment"} == {1, 2}


def test_a_page_is_filled_as_asked() -> None:
    """Nothing more than that."""
    world = World("2001", [SECRET], random.Random(1), FakeClock(NOW).moment)
    page = world.add_page(PAGE)
    made_up(world, page, posts=2, comments=3, conversations=1, messages=4)
    assert {name: len(nodes) for name, nodes in page.node.edges.items() if nodes} == {
        "feed": 2,
        "posts": 2,
        "published_posts": 2,
        "conversations": 1,
    }
    assert [len(post.edges["stream"]) for post in page.node.edges["posts"]] == [3, 3]
    assert [len(one.edges["messages"]) for one in page.node.edges["conversations"]] == [4]
