"""Nodes and edges as the simulated Graph answers them, over HTTP without a socket."""

import random
from dataclasses import replace

import pytest

from domain.ids import MessageId, PageId, Psid
from domain.secret import Secret
from simulator.graph_documents import image, photo
from simulator.graph_world import SCOPES, World
from tests.graph import Caller, error_of
from tests.support import FakeClock

PAGE, OTHER = PageId("104200000000001"), PageId("104200000000002")
DARA = Psid("7000000000000001")
NOW = 1_770_000_000_000


@pytest.fixture
def graph() -> Caller:
    """One Page, called with its token. There is a second Page."""
    world = World("2001", [Secret("shop-app-secret-1")], random.Random(1), FakeClock(NOW).moment)
    world.add_page(OTHER)
    return Caller(world, world.add_page(PAGE).token)


async def test_a_post_has_the_requested_fields_that_have_data(graph: Caller) -> None:
    """A field without data is absent and not null. `id` is always there. Times have Graph's form."""
    page = graph.world.pages[PAGE]
    shown = photo("https://cdn.example/1.jpg", "Hat", "81")
    post = graph.world.add_post(page, None, at=NOW, attachments=[shown], reactions=5)
    fields = "message,created_time,attachments{media_type,target{id}},reactions.limit(0).summary(total_count)"
    assert (await graph.ask(f"{PAGE}/published_posts", fields=fields)).json()["data"] == [
        {
            "id": post.id,
            "created_time": "2026-02-02T02:40:00+0000",
            "attachments": {"data": [{"media_type": "photo", "target": {"id": "81"}}]},
            "reactions": {"data": [], "summary": {"total_count": 5, "viewer_reaction": "NONE"}},
        }
    ]


async def test_a_walk_returns_each_of_ten_thousand_comments_once(graph: Caller) -> None:
    """The walk uses cursors and works in both orders."""
    post = graph.world.add_post(graph.world.pages[PAGE], "sale")
    made = [graph.world.add_comment(post, str(n), at=NOW + n).id for n in range(10_000)]
    walked = [item["id"] for item in await graph.walk(f"{post.id}/comments", fields="id", limit=100)]
    assert walked == made
    assert graph.seen.total == 100


async def test_replies_are_under_their_comment_and_in_the_stream(graph: Caller) -> None:
    """`parent` is absent at the top level. The count of a post includes every level."""
    post = graph.world.add_post(graph.world.pages[PAGE], "sale", at=NOW)
    first = graph.world.add_comment(post, "price?", at=NOW + 1)
    reply = graph.world.add_comment(post, "$5", first, at=NOW + 2)
    deeper = graph.world.add_comment(post, "ok", reply, at=NOW + 3)
    second = graph.world.add_comment(post, None, at=NOW + 4)

    async def listed(path: str, **params: str) -> list[str]:
        return [item["id"] for item in await graph.walk(path, **params)]

    assert await listed(f"{post.id}/comments") == [first.id, second.id]
    assert await listed(f"{post.id}/comments", filter="stream") == [first.id, reply.id, deeper.id, second.id]
    assert await listed(f"{post.id}/comments", order="reverse_chronological") == [second.id, first.id]
    assert await listed(f"{post.id}/comments", since=str(NOW // 1000 + 1)) == []
    assert await listed(f"{first.id}/comments") == [reply.id]
    assert await listed(f"{first.id}/comments", filter="stream") == [reply.id, deeper.id]
    body = (await graph.ask(f"{post.id}/comments", fields="parent{id},comment_count,message")).json()
    assert body["data"][0] == {"id": first.id, "message": "price?", "comment_count": 1}
    counted = await graph.ask(post.id, fields="comments.limit(0).summary(true)")
    assert counted.json()["comments"]["summary"]["total_count"] == 4
    assert (await graph.ask(reply.id, fields="parent{id}")).json() == {"id": reply.id, "parent": {"id": first.id}}


async def test_a_video_is_a_post_too(graph: Caller) -> None:
    """A client can find the video in the post if Graph refuses the list of videos."""
    video = graph.world.add_video(graph.world.pages[PAGE], "New hats", description="look")
    fields = "title,length,post_id"
    (shown,) = await graph.walk(f"{PAGE}/videos", type="uploaded", fields=fields)
    (post,) = await graph.walk(f"{PAGE}/published_posts", fields="attachments{media_type,target{id}}")
    assert shown["post_id"] == post["id"]
    assert post["attachments"] == {"data": [{"media_type": "video", "target": {"id": video.id}}]}
    graph.world.videos_readable = False
    assert error_of(await graph.ask(f"{PAGE}/videos", type="uploaded")) == (400, 3, None)


async def test_conversations_come_by_their_newest_message(graph: Caller) -> None:
    """Each conversation has its last message and its number of messages."""
    page, world = graph.world.pages[PAGE], graph.world
    world.say(page, DARA, "hello", at=NOW - 5000, name="Dara")
    world.say(page, Psid("7000000000000002"), "hi", at=NOW - 4000)
    world.say(page, DARA, "yes, we have", at=NOW - 3000, from_page=True)
    fields = "updated_time,snippet,message_count,unread_count,participants"
    first, second = await graph.walk(f"{PAGE}/conversations", platform="messenger", fields=fields)
    assert [side["id"] for side in first["participants"]["data"]] == [DARA, PAGE]
    assert (first["snippet"], first["message_count"], first["unread_count"]) == ("yes, we have", 2, 0)
    assert second["unread_count"] == 1
    (found,) = await graph.walk(f"{PAGE}/conversations", user_id=DARA)
    assert found["id"] == first["id"]
    assert error_of(await graph.ask(f"{PAGE}/conversations", since="1")) == (400, 100, None)


async def test_messages_come_newest_first_and_can_be_read_by_id(graph: Caller) -> None:
    """The id is the id of the webhook. Attachments have an address with the token, as at Graph."""
    page, world = graph.world.pages[PAGE], graph.world
    world.say(page, DARA, "hello", at=NOW - 5000, mid=MessageId("m_first"))
    last = world.say(page, DARA, None, at=NOW - 4000, attachments=[image("https://cdn.example/1.jpg", "55")])
    conversation = page.conversations[DARA].id
    fields = "message,from{id},to{id},attachments{image_data{url}}"
    newest, oldest = await graph.walk(f"{conversation}/messages", fields=fields)
    assert (newest["id"], newest["message"]) == (last.id, "")
    assert newest["attachments"]["data"] == [{"id": "55", "image_data": {"url": "https://cdn.example/1.jpg"}}]
    assert graph.token.reveal() in newest["attachments"]["paging"]["next"]
    assert (await graph.ask("m_first", fields=fields)).json() == oldest
    assert oldest["to"] == {"data": [{"id": PAGE}]}


async def test_a_customers_profile_may_be_unavailable_in_two_ways(graph: Caller) -> None:
    """Graph gives an empty answer, or a refusal with a subcode."""
    graph.world.say(graph.world.pages[PAGE], DARA, "hello", name="Dara")
    assert (await graph.ask(DARA, fields="name,profile_pic")).json()["name"] == "Dara"
    graph.world.customers = "empty"
    assert (await graph.ask(DARA, fields="name,profile_pic")).json() == {}
    graph.world.customers = "refused"
    assert error_of(await graph.ask(DARA, fields="name,profile_pic")) == (400, 100, 2018218)


async def test_data_of_another_page_does_not_exist(graph: Caller) -> None:
    """Graph gives the same answer for an id that never existed."""
    theirs = graph.world.pages[OTHER]
    post = graph.world.add_post(theirs, "theirs")
    graph.world.say(theirs, DARA, "hello")
    places = (
        post.id,
        f"{post.id}/comments",
        f"{OTHER}/published_posts",
        DARA,
        theirs.conversations[DARA].id,
        "1_2",
        "nobody/published_posts",
    )
    for place in places:
        assert error_of(await graph.ask(place)) == (400, 100, 33)


@pytest.mark.parametrize(
    ("path", "missing", "code"),
    [
        (f"{PAGE}/published_posts", "pages_read_engagement", 10),
        (f"{PAGE}/videos", "pages_show_list", 10),
        (f"{PAGE}_1/comments", "pages_read_user_content", 10),
        (f"{PAGE}/conversations", "pages_messaging", 200),
        (f"{PAGE}/conversations", "pages_manage_metadata", 200),
        ("t_1/messages", "pages_messaging", 200),
        (DARA, "pages_messaging", 200),
    ],
)
async def test_an_edge_names_the_permission_it_lacks(graph: Caller, path: str, missing: str, code: int) -> None:
    """The code is 10 for public data and 200 for the inbox."""
    page = graph.world.pages[PAGE]
    post = graph.world.add_post(page, "sale")
    graph.world.say(page, DARA, "hello")
    path = path.replace(f"{PAGE}_1", post.id).replace("t_1", page.conversations[DARA].id)
    assert (await graph.ask(path)).status_code == 200
    graph.world.add_token(Secret("EAAless"), "PAGE", page=PAGE, scopes=[s for s in SCOPES if s != missing])
    answer = await replace(graph, token=Secret("EAAless")).ask(path)
    assert error_of(answer) == (403, code, None)
    assert missing in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "many"},
        {"since": "some day"},
        {"fields": "id,nonsense"},
        {"order": "ranked"},
        {"offset": "5"},
        {"after": "nonsense"},
    ],
    ids=str,
)
async def test_a_bad_parameter_is_refused(graph: Caller, params: dict[str, str]) -> None:
    """The error is code 100. A limit above a hundred posts is refused too."""
    assert error_of(await graph.ask(f"{PAGE}/published_posts", **params)) == (400, 100, None)


async def test_other_edges_reduce_a_large_limit_without_an_error(graph: Caller) -> None:
    """The cap is a hundred. Without a limit the answer has 25 items."""
    post = graph.world.add_post(graph.world.pages[PAGE], "sale")
    for n in range(120):
        graph.world.add_comment(post, str(n))
    assert len((await graph.ask(f"{post.id}/comments", limit=5000)).json()["data"]) == 100
    assert len((await graph.ask(f"{post.id}/comments")).json()["data"]) == 25


async def test_an_empty_page_need_not_be_the_end(graph: Caller) -> None:
    """If there is a `next`, the list continues."""
    graph.world.empty_pages = True
    for n in range(5):
        graph.world.add_post(graph.world.pages[PAGE], str(n))
    first = (await graph.ask(f"{PAGE}/published_posts", limit=2)).json()
    gap = (await graph.ask(f"{PAGE}/published_posts", limit=2, after=first["paging"]["cursors"]["after"])).json()
    assert (gap["data"], "next" in gap["paging"]) == ([], True)
    assert len(await graph.walk(f"{PAGE}/published_posts", limit=2)) == 5


async def test_an_edge_that_is_not_there_is_refused() -> None:
    """The answer is the same as for an unknown field."""
    world = World("2001", [Secret("shop-app-secret-1")], random.Random(1), FakeClock(NOW).moment)
    graph = Caller(world, world.add_page(PAGE).token)
    assert error_of(await graph.ask(f"{PAGE}/nonsense")) == (400, 100, None)
    assert error_of(await graph.ask(f"{PAGE}/published_posts/more")) == (400, 2500, None)
    assert error_of(await graph.ask(PAGE, "DELETE")) == (400, 2500, None)
