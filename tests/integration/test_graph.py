"""Posts, videos, comments, conversations and customers that the API fetches from Facebook."""

import http.client
import re
from typing import Any, Final

import pytest

from domain.ids import Psid
from domain.moment import rfc3339
from domain.shop import Scope
from simulator.graph_faults import Alters
from simulator.graph_made_up import made_up
from simulator.graph_nodes import FakePage, Node
from tests.callers import mint
from tests.facebook import GraphShop, new_page, refusal
from tests.graph import FakeGraph, now
from tests.service import APP_SECRET, Service

MINUTE: Final = 60_000
EDGES: Final = ("posts", "videos", "comments", "replies", "conversations", "messages")
NEVER: Final = re.compile(
    r'"(paging|next|previous|cursors|email|data|summary|access_token)":|access_token=|graph\.facebook\.com'
)
"""Texts in answers of Graph that our answers must not have: addresses with the token, and the objects around lists."""


def fill(graph: FakeGraph, page: FakePage, edge: str) -> tuple[str, list[str]]:
    """Put content on a Page. Returns the address of an edge with a few items, and their ids in the order of a walk."""
    world = graph.world
    if edge in ("conversations", "messages"):
        made_up(world, page, conversations=3, messages=5)
        newest = page.node.edges["conversations"][-1]
        if edge == "conversations":
            return edge, _ids(page.node, "conversations", newest_first=True)
        return f"conversations/{newest.id}/messages", _ids(newest, "messages", newest_first=True)
    made_up(world, page, posts=4, videos=4)
    post = page.node.edges["published_posts"][0]
    first = world.add_comment(post, "តម្លៃប៉ុន្មាន?", by={"id": "7000000000000009", "name": "Dara"})
    for number in range(4):
        world.add_comment(post, f"comment {number}")
        world.add_comment(post, f"reply {number}", first)
    match edge:
        case "posts":
            return edge, _ids(page.node, "published_posts", newest_first=True)
        case "videos":
            return edge, _ids(page.node, "videos", newest_first=True)
        case "comments":
            return f"posts/{post.id}/comments", _ids(post, "comments")
        case _:
            return f"comments/{first.id}/replies", _ids(first, "comments")


def _ids(node: Node, edge: str, *, newest_first: bool = False) -> list[str]:
    found = [one.id for one in node.edges[edge]]
    return found[::-1] if newest_first else found


def ids(items: list[dict[str, Any]]) -> list[str]:
    """Returns the ids of items."""
    return [item["id"] for item in items]


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("gaps", [False, True], ids=["as-usual", "with-empty-pages"])
def test_a_walk_with_after_reaches_the_end_of_every_edge(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, edge: str, gaps: bool
) -> None:
    """The walk has each item once, in Facebook's order. An empty page in the middle is not the end. The last `after` is
    null.
    """
    path, expected = fill(graph, page, edge)
    graph.world.empty_pages = gaps
    walked = list(graph_shop.pages_of(page.id, path, limit=2))
    assert [item["id"] for items in walked for item in items] == expected
    assert len(expected) > 2
    assert ([] in walked) == gaps
    assert all(len(items) <= 2 for items in walked)
    assert {asked.params["limit"] for asked in graph.seen.requests} == {"2"}


@pytest.mark.parametrize("edge", EDGES)
def test_an_answer_has_only_items_and_after_and_no_paging_of_facebook(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, edge: str
) -> None:
    """No level of the answer has an address of Graph, a token, a proof, or the object that Graph puts around a list.
    Times have one form, and nothing is stored.
    """
    path, _ = fill(graph, page, edge)
    answer = graph_shop.ask(page.id, path, limit=2)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"items", "after"}
    assert answer.headers["cache-control"] == "no-store"
    assert NEVER.search(answer.text) is None
    said = answer.text + str(answer.headers)
    assert page.token.reveal() not in said
    assert APP_SECRET.reveal() not in said
    times = re.findall(r'"\w+_time":"([^"]+)"', answer.text)
    assert times
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment) for moment in times)


@pytest.mark.parametrize("edge", EDGES)
def test_an_address_with_the_token_is_left_out_in_every_place(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, edge: str
) -> None:
    """Facebook puts such an address beside a list, apart from a list, into a field, or next to a person's name. The
    rest of the item stays.
    """
    path, expected = fill(graph, page, edge)
    address = f"https://graph.facebook.com/v26.0/1/edge?access_token={page.token.reveal()}&limit=25"
    paging = {"cursors": {"before": "QQ", "after": "QQ"}, "next": address, "previous": address}

    def spread(document: dict[str, Any]) -> None:
        document["data"] = [
            {**item, "paging": paging, "likes": {"data": [{"id": "1", "link": address}], "paging": paging},
             "media": {"image": {"src": address, "width": 1}, "paging": paging}, "picture": address,
             "owner": {"name": "Sokha", "email": "1@facebook.com"}, "nothing": None}
            for item in document["data"]
        ]  # fmt: skip

    graph.faults.script(page.id, Alters(spread))
    answer = graph_shop.ask(page.id, path)
    assert ids(answer.json()["items"]) == expected
    assert page.token.reveal() not in answer.text
    assert NEVER.search(answer.text) is None
    item = answer.json()["items"][0]
    assert (item["likes"], item["media"]["image"], item["owner"]) == ([{"id": "1"}], {"width": 1}, {"name": "Sokha"})
    assert "picture" not in item
    assert "nothing" not in item


@pytest.mark.parametrize("edge", [*EDGES, "customer"])
def test_each_call_names_version_fields_and_a_timed_proof_and_hides_the_token(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, edge: str
) -> None:
    """A read of the API makes one call of Graph. The token is in a header and in no address."""
    if edge == "customer":
        graph.world.say(page, Psid("7000000000000001"), "សួស្តី")
    path = "customers/7000000000000001" if edge == "customer" else fill(graph, page, edge)[0]
    graph_shop.fetch(page.id, path)
    (asked,) = graph.seen.requests
    assert re.match(r"/v\d+\.\d/", asked.path)
    assert asked.params["fields"]
    assert (asked.where, asked.proof, asked.page) == ("header", "timed", page.id)
    assert graph.seen.tokens_in_urls == []


def test_a_post_has_its_fields_counts_and_pictures(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """The counts come from the summaries, and attachments are a plain list. A field without a value is absent, not
    null.
    """
    at = now() - MINUTE
    photo = {"media_type": "photo", "media": {"image": {"src": "https://cdn.example/1.jpg", "width": 720}}}
    album = {"media_type": "album", "subattachments": {"data": [photo, photo]}}
    shown = graph.world.add_post(page, "អាវថ្មី", at=at, attachments=[album], reactions=7, likes=5, shares={"count": 3})
    graph.world.add_comment(shown, "one")
    bare = graph.world.add_post(page, None, at=at - MINUTE)
    graph.world.add_post(page, "not yet", published=False)
    first, second = graph_shop.items(page.id, "posts")
    assert (first["id"], second["id"]) == (shown.id, bare.id)
    assert first["message"] == "អាវថ្មី"
    assert (first["comment_count"], first["reaction_count"], first["share_count"]) == (1, 7, 3)
    assert first["created_time"] == rfc3339(at // 1000 * 1000)
    ((attachment),) = first["attachments"]
    assert [one["media"]["image"]["src"] for one in attachment["subattachments"]] == ["https://cdn.example/1.jpg"] * 2
    assert not {"message", "attachments", "share_count", "full_picture", "story"} & set(second)
    assert None not in second.values()


def test_a_comment_names_its_writer_only_if_facebook_does(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """`from` is absent if Facebook hides the writer. A reply names its parent. An empty text stays empty."""
    post = graph.world.add_post(page, "post")
    known = graph.world.add_comment(post, "🙏", by={"id": "7000000000000009", "name": "Dara"})
    graph.world.add_comment(post, None, attachment={"type": "sticker", "url": "https://cdn.example/s.png"})
    reply = graph.world.add_comment(post, "reply", known)
    first, second = graph_shop.items(page.id, f"posts/{post.id}/comments")
    assert (first["from"], first["message"], first["comment_count"]) == (
        {"id": "7000000000000009", "name": "Dara"},
        "🙏",
        1,
    )
    assert "from" not in second
    assert (second["message"], second["attachment"]["type"]) == ("", "sticker")
    (answered,) = graph_shop.items(page.id, f"comments/{known.id}/replies")
    assert (answered["id"], answered["parent"]["id"]) == (reply.id, known.id)


@pytest.mark.parametrize("of", ["comments", "replies"])
def test_comments_come_in_the_requested_order_and_depth(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, of: str
) -> None:
    """`order`, `filter` and `since` are parameters of Graph."""
    world, start = graph.world, now() - 60 * MINUTE
    post = world.add_post(page, "post", at=start)
    top = [world.add_comment(post, f"top {n}", at=start + n * MINUTE) for n in range(1, 4)]
    replies = [world.add_comment(post, f"reply {n}", top[0], at=start + n * MINUTE) for n in range(4, 8)]
    deep = world.add_comment(post, "deep", replies[0], at=start + 9 * MINUTE)
    path = f"posts/{post.id}/comments" if of == "comments" else f"comments/{top[0].id}/replies"
    own, every = (top, [*top, *replies, deep]) if of == "comments" else (replies, [*replies, deep])

    def walked(**query: str) -> list[str]:
        return ids(graph_shop.items(page.id, path, limit=2, **query))

    expected = [one.id for one in own]
    assert walked() == walked(order="chronological") == walked(filter="toplevel") == expected
    assert walked(order="reverse_chronological") == expected[::-1]
    assert walked(filter="stream") == [one.id for one in every]
    assert walked(filter="stream", order="reverse_chronological") == [one.id for one in every][::-1]
    assert walked(since=rfc3339(own[1].rank[0])) == expected[1:]


def test_since_and_until_limit_the_posts(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """`since` and `until` can have any form of a time that the API accepts. Graph gets seconds."""
    start = (now() - 60 * MINUTE) // 1000 * 1000
    posts = [graph.world.add_post(page, f"post {n}", at=start + n * MINUTE).id for n in range(5)]
    since, until = start + MINUTE, start + 3 * MINUTE
    for spelled in (str, lambda moment: str(moment // 1000), rfc3339):
        walked = graph_shop.items(page.id, "posts", limit=2, since=spelled(since), until=spelled(until))
        assert ids(walked) == posts[1:4][::-1]
    assert {asked.params["since"] for asked in graph.seen.requests} == {str(since // 1000)}


@pytest.mark.parametrize(
    ("edge", "query"),
    [
        ("posts", {"order": "chronological"}),
        ("posts", {"filter": "stream"}),
        ("videos", {"since": "1770000000"}),
        ("conversations", {"until": "1770000000"}),
        ("posts/1_2/comments", {"until": "1770000000"}),
        ("posts/1_2/comments", {"order": "ranked"}),
        ("posts/1_2/comments", {"filter": "all"}),
        ("posts", {"since": "yesterday"}),
        ("posts", {"fields": "access_token"}),
        ("posts", {"access_token": "EAA"}),
        ("posts", {"limit": 0}),
        ("posts", {"limit": 101}),
        ("posts", {"limit": "many"}),
        ("posts", {"after": "x" * 2049}),
        ("posts", {"after": "a\nb"}),
        ("videos", {"after": "zzz"}),
    ],
    ids=str,
)
def test_an_invalid_parameter_of_an_edge_is_refused_without_a_call_of_graph(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, edge: str, query: dict[str, str | int]
) -> None:
    """The answer is 400, and Graph gets no call."""
    assert graph_shop.ask(page.id, edge, **query).status_code == 400
    assert graph.seen.total == 0


@pytest.mark.parametrize("limit", [1, 100])
def test_graph_gets_the_smallest_and_the_largest_limit(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, limit: int
) -> None:
    """`limit` is at least one item and at most a hundred. Without `limit` it is twenty-five."""
    graph.world.add_post(page, "one")
    graph.world.add_post(page, "two")
    assert len(graph_shop.fetch(page.id, "posts", limit=limit)["items"]) == min(limit, 2)
    graph_shop.fetch(page.id, "posts")
    assert [asked.params["limit"] for asked in graph.seen.requests] == [str(limit), "25"]


def test_an_invalid_cursor_is_answered_with_facebooks_refusal(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The answer is 400 `parameter_refused`, and the call is not repeated."""
    graph.world.add_post(page, "one")
    assert refusal(graph_shop.ask(page.id, "posts", after="no-cursor-of-anybody's")) == (400, "parameter_refused")
    assert graph.seen.total == 1


def test_an_edge_without_items_is_an_empty_list_with_an_end(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The answer is not 404."""
    post = graph.world.add_post(page, "quiet")
    for path in ("videos", "conversations", f"posts/{post.id}/comments"):
        assert graph_shop.fetch(page.id, path) == {"items": [], "after": None}


@pytest.mark.parametrize("gaps", [False, True], ids=["as-usual", "with-empty-pages"])
def test_videos_come_from_the_posts_if_facebook_does_not_list_them(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, gaps: bool
) -> None:
    """The list of videos and the posts give the same ids, newest first. A page without a video is empty and is not the
    end."""
    world = graph.world
    for number in range(3):
        world.add_post(page, f"no video {number}")
        world.add_video(page, f"video {number}", description="រ៉ូប")
        world.add_post(page, f"none here either {number}")
    expected = _ids(page.node, "videos", newest_first=True)
    listed = graph_shop.items(page.id, "videos", limit=2)
    world.videos_readable, world.empty_pages = False, gaps
    graph.seen.forget()
    walked = list(graph_shop.pages_of(page.id, "videos", limit=2))
    found = [item for items in walked for item in items]
    assert ids(found) == ids(listed) == expected
    assert [] in walked
    assert [item["title"] for item in found] == [item["title"] for item in listed]
    assert [item["source"] for item in found] == [item["source"] for item in listed]
    assert "length" not in found[0]
    assert len(graph.seen.of("/videos")) == 1, "the cursor tells which list it belongs to"


def test_a_walk_of_the_list_of_videos_does_not_change_to_posts(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """A cursor of the list of videos has no meaning in the list of posts. So if Facebook refuses a later page of the
    videos, the answer is this refusal.
    """
    for number in range(3):
        graph.world.add_video(page, f"video {number}")
    after = graph_shop.fetch(page.id, "videos", limit=1)["after"]
    graph.world.videos_readable = False
    assert refusal(graph_shop.ask(page.id, "videos", limit=1, after=after)) == (409, "permission_missing")
    assert graph.seen.of("/published_posts") == []


def test_a_conversation_and_its_messages_have_no_email_address(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The service leaves out Facebook's invented e-mail addresses. Names and ids stay."""
    customer = Psid("7000000000000001")
    said = graph.world.say(page, customer, "មានទេ?", name="Sokha")
    answered = graph.world.say(page, customer, "មាន", from_page=True)
    (conversation,) = graph_shop.items(page.id, "conversations")
    assert conversation["link"].startswith(f"https://www.facebook.com/{page.id}/inbox/")
    assert graph_shop.items(page.id, "conversations", customer=customer) == [conversation]
    assert graph_shop.items(page.id, "conversations", customer="7000000000000999") == []
    assert conversation["id"].startswith("t_")
    assert {"id": customer, "name": "Sokha"} in conversation["participants"]
    assert (conversation["message_count"], conversation["snippet"]) == (2, "មាន")
    messages = graph_shop.items(page.id, f"conversations/{conversation['id']}/messages")
    assert ids(messages) == [answered.id, said.id]
    assert (messages[1]["from"], messages[1]["message"]) == ({"id": customer, "name": "Sokha"}, "មានទេ?")
    assert "attachments" not in messages[1]


def test_a_customer_is_one_item_with_name_and_picture(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """The item has a name and a picture, or only the id if Facebook says nothing. The answer is 404 if Facebook has no
    profile or no such person.
    """
    customer = Psid("7000000000000001")
    graph.world.say(page, customer, "សួស្តី", name="Sokha")
    full = graph_shop.fetch(page.id, f"customers/{customer}")
    (item,) = full["items"]
    assert (item["id"], item["name"], full["after"]) == (customer, "Sokha", None)
    assert item["profile_pic"].startswith("https://")
    assert set(item) == {"id", "name", "profile_pic"}
    graph.world.customers = "refused"
    assert refusal(graph_shop.ask(page.id, "customers/7999999999999999")) == (404, "object_not_found")


def test_one_request_returns_several_customers(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """Each customer comes with its conversation, in the order of the request. Customers that Facebook refuses are in a
    separate list.
    """
    people = {Psid(f"700000000000000{number}"): f"Sokha {number}" for number in range(1, 8)}
    for customer, name in people.items():
        graph.world.say(page, customer, "សួស្តី", name=name)
    asked = [f"{page.id}_{customer}" for customer in people]
    found = graph_shop.get("/customers", ids=",".join([*asked, asked[0]]))
    assert [one["conversation_id"] for one in found["items"]] == asked
    assert [one["name"] for one in found["items"]] == list(people.values())
    assert [one["id"] for one in found["items"]] == list(people)
    assert found["failed"] == []
    other = "199999999999999_7000000000000001"
    found = graph_shop.get("/customers", ids=f"{other},{asked[3]}")
    assert [one["name"] for one in found["items"]] == ["Sokha 4"]
    assert found["failed"] == [{"conversation_id": other, "reason": "page_not_found"}]
    assert refusal(graph_shop.client.get("/customers", params={"ids": other})) == (404, "page_not_found")


@pytest.mark.parametrize("ids", ["", "a", "1", "1_2,", ",1_2", "1_2;3_4", ",".join(["1_2"] * 51), "1_2/../x"])
def test_invalid_customer_ids_are_refused_without_a_call_of_graph(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, ids: str
) -> None:
    """An id has a Page and a customer, and a request has at most fifty ids."""
    before = len(graph.seen.requests)
    assert refusal(graph_shop.client.get("/customers", params={"ids": ids})) == (400, "invalid_parameter")
    assert len(graph.seen.requests) == before


def test_another_shop_cannot_read_the_page_or_its_content(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, page: FakePage
) -> None:
    """The answer is 404, as for a Page that no shop has. Graph gets no call."""
    post = graph.world.add_post(page, "post")
    unknown = new_page(graph.world)
    with GraphShop(graph_service.url, "shop-2") as other:
        for path in ("posts", "videos", "conversations", f"posts/{post.id}/comments", "customers/7000000000000001"):
            for asked in (page, unknown):
                assert refusal(other.ask(asked.id, path)) == (404, "page_not_found")
    assert refusal(graph_shop.ask(unknown.id, "posts")) == (404, "page_not_found")
    assert graph.seen.total == 0


def test_a_page_does_not_show_a_post_of_another_page(graph: FakeGraph, graph_shop: GraphShop, page: FakePage) -> None:
    """Facebook decides this by the Page's token, and the API answers 404."""
    post = graph.world.add_post(new_page(graph.world), "another shop's")
    assert refusal(graph_shop.ask(page.id, f"posts/{post.id}/comments")) == (404, "object_not_found")


def test_a_call_for_a_page_without_a_token_is_answered_reconnect_page(graph: FakeGraph, graph_shop: GraphShop) -> None:
    """The answer is 409, and Graph gets no call."""
    bare = new_page(graph.world)
    graph_shop.connect(bare.id)
    assert refusal(graph_shop.ask(bare.id, "posts")) == (409, "reconnect_page")
    assert graph.seen.total == 0


@pytest.mark.parametrize("scope", ["messages:read", "messages:purge", "shop:admin"])
def test_only_a_token_with_the_graph_scope_can_read_posts(
    graph: FakeGraph, graph_service: Service, page: FakePage, scope: Scope
) -> None:
    """Another scope is answered 403, and a missing token 401. The scope of Graph opens no other route."""
    with GraphShop(graph_service.url, token=mint("shop-1", [scope])) as other:
        assert refusal(other.ask(page.id, "posts")) == (403, "scope_missing")
    with GraphShop(graph_service.url, token=mint("shop-1", ["graph:read"])) as reader:
        assert reader.ask(page.id, "posts").status_code == 200
        assert refusal(reader.client.get("/pages")) == (403, "scope_missing")
        assert refusal(reader.client.put(f"/pages/{page.id}", json={})) == (403, "scope_missing")
    with GraphShop(graph_service.url, token="none") as stranger:
        assert stranger.ask(page.id, "posts").status_code == 401
    assert graph.seen.total == 1


ODD: Final = (
    *("..", ".", "%2e%2e", "%2e%2e%2fme", "a%2fb", "a/b", "1/2", "1%2f2", "1%5c2", "%25%32%65", "~", "$1"),
    *("me", "debug_token", "search", "1_2%3Ffields=access_token", "1_2%23", "1;2", "1,2", "1%202"),
    *("1%00", "1%0d%0aX-Evil:%201", "%E1%9E%80", "%F0%9F%98%80", "%ff", "x" * 600, "1" * 600),
)
OBJECTS: Final = ("posts/{}/comments", "comments/{}/replies", "conversations/{}/messages", "customers/{}")


@pytest.mark.parametrize("template", OBJECTS)
def test_an_unusual_id_is_refused_and_reaches_no_other_edge(
    graph: FakeGraph, graph_service: Service, page: FakePage, template: str
) -> None:
    """The answer is 400 or 404 and never 5xx. If Graph gets a call, it is for the right edge and a possible id."""
    edge = {"posts": "comments", "comments": "comments", "conversations": "messages"}.get(template.partition("/")[0])
    for odd in ODD:
        graph.seen.forget()
        path = f"/v1/shops/shop-1/pages/{page.id}/{template.format(odd)}"
        assert raw_get(graph_service, path) in {400, 404}, path
        for asked in graph.seen.requests:
            _, version, named, *rest = asked.path.split("/")
            assert rest == ([] if edge is None else [edge]), path
            assert re.fullmatch(r"v\d+\.\d", version), path
            assert any(character.isdigit() for character in named), path
            assert not set(asked.params) - {"fields", "limit", "appsecret_time"}, path


@pytest.mark.parametrize("odd", ["..", "%2e%2e", "me", "a%2fb", "1" * 600, "104200000000001%3F"])
def test_an_unusual_page_id_is_refused_without_a_call_of_graph(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, odd: str
) -> None:
    """The answer is 400 or 404, and Graph gets no call. Such a Page cannot be connected either."""
    for edge in ("posts", "customers/1"):
        assert raw_get(graph_service, f"/v1/shops/shop-1/pages/{odd}/{edge}") in {400, 404}
    assert graph.seen.total == 0
    assert graph_shop.get("")["pages"] == []


def raw_get(service: Service, path: str) -> int:
    """Returns the status of a GET of exactly this path. A usual client would remove dots from the path."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {mint('shop-1')}"})
        return connection.getresponse().status
    finally:
        connection.close()
