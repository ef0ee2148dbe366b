"""Graph's JSON becomes our items."""

import calendar
from typing import Any

import orjson
import pytest

from domain.graph import Edge, GraphQuery
from domain.ids import PageId
from domain.message import Fact
from graph_client.parse import DEPTH, fetched, plain
from graph_client.wire import GraphAnswer

PAGE = PageId("104200000000001")
NEXT = "https://graph.facebook.com/v26.0/1/posts?access_token=EAACANARY&after=QVFI"


def items(rows: Any, edge: Edge = "posts", after: str | None = None) -> list[Fact]:
    """Returns the result for these rows."""
    return fetched(GraphQuery(edge, PAGE, "7", after=after), GraphAnswer({"data": rows})).items


def item(**row: Any) -> Fact:
    """Returns the result of one row."""
    return items([row])[0]


def test_a_post_keeps_the_names_of_graph_and_has_flat_counts_and_lists() -> None:
    """A post has the numbers of comments and reactions, without their authors."""
    assert item(
        id="1_2",
        message="អាវយឺត $12",
        created_time="2026-02-02T02:41:10+0000",
        shares={"count": 4},
        comments={"data": [], "summary": {"order": "ranked", "total_count": 12, "can_comment": True}},
        reactions={"data": [], "summary": {"total_count": 30, "viewer_reaction": "NONE"}},
        attachments={
            "data": [
                {
                    "media_type": "album",
                    "subattachments": {"data": [{"media": {"image": {"src": "https://cdn.example/a.jpg"}}}]},
                    "target": {"id": 77},
                }
            ]
        },
    ) == {
        "id": "1_2",
        "message": "អាវយឺត $12",
        "created_time": "2026-02-02T02:41:10.000Z",
        "share_count": 4,
        "comment_count": 12,
        "reaction_count": 30,
        "attachments": [
            {
                "media_type": "album",
                "subattachments": [{"media": {"image": {"src": "https://cdn.example/a.jpg"}}}],
                "target": {"id": "77"},
            }
        ],
    }


def test_a_comment_keeps_its_own_comment_count() -> None:
    """A list that came beside its number stays too."""
    row = item(id="1", comment_count=2, comments={"data": [{"id": "9"}], "summary": {"total_count": 5}})
    assert row == {"id": "1", "comment_count": 2, "comments": [{"id": "9"}]}


def test_null_values_are_left_out_and_empty_lists_stay() -> None:
    """A null is absent. A list that was requested and is empty is not absent."""
    assert item(id="1", story=None, attachments={"data": []}, tags=[None, "a"]) == {
        "id": "1",
        "attachments": [],
        "tags": ["a"],
    }


@pytest.mark.parametrize(
    ("time", "ours"),
    [
        ("2026-02-02T02:41:10+0000", "2026-02-02T02:41:10.000Z"),
        ("2026-02-02T09:41:10+0700", "2026-02-02T02:41:10.000Z"),
        ("2026-02-02T02:41:10", "2026-02-02T02:41:10"),
        ("soon", "soon"),
        ("1770000000", "1770000000"),
        (1770000000, 1770000000),
    ],
)
def test_times_have_one_form(time: object, ours: object) -> None:
    """A text that is not a time in Graph's form stays as Facebook wrote it."""
    assert item(id="1", updated_time=time) == {"id": "1", "updated_time": ours}


@pytest.mark.parametrize("year", [2026, 2028])
def test_only_times_on_existing_days_are_converted(year: int) -> None:
    """2028 has a 29th of February."""
    for month in range(1, 13):
        for day in range(32):
            moment = f"{year}-{month:02}-{day:02}T23:59:59"
            exists = 1 <= day <= calendar.monthrange(year, month)[1]
            ours = f"{moment}.000Z" if exists else f"{moment}+0000"
            assert item(id="1", updated_time=f"{moment}+0000") == {"id": "1", "updated_time": ours}


def test_ids_and_numbers_too_large_for_javascript_become_text() -> None:
    """Ids are always text."""
    assert item(id=7, sticker_id=369239263222822, n=2**53, big=2**53 + 1, low=-(2**53) - 1, ok=True, f=1.5) == {
        "id": "7",
        "sticker_id": "369239263222822",
        "n": 2**53,
        "big": "9007199254740993",
        "low": "-9007199254740993",
        "ok": True,
        "f": 1.5,
    }


def test_addresses_with_a_token_and_email_addresses_are_removed() -> None:
    """Such values are removed at any depth, in any list, and in `paging`."""
    row = item(
        id="1",
        paging={"next": NEXT},
        link=NEXT,
        path="/v26.0/1?access_token=EAACANARY",
        start_time=NEXT,
        **{"from": {"id": "7", "name": "Sokha", "email": "7@facebook.com"}},
        attachments={"data": [{"url": NEXT, "paging": {"next": NEXT}, "urls": [NEXT]}], "paging": {"next": NEXT}},
        part={"paging": {"next": NEXT}, "deep": [{"paging": NEXT}]},
    )
    assert b"CANARY" not in orjson.dumps(row)
    assert b"@" not in orjson.dumps(row)
    assert row["from"] == {"id": "7", "name": "Sokha"}
    assert row["attachments"] == [{"urls": []}]


def test_a_text_that_mentions_a_token_stays_unchanged() -> None:
    """The service leaves out only addresses with a token."""
    assert item(id="1", message="what is an access_token=?")["message"] == "what is an access_token=?"


def test_shared_links_of_a_message_are_a_list() -> None:
    """In a post the same field name is a number."""
    shares = {"data": [{"link": "https://shop.example/1"}], "paging": {"next": NEXT}}
    assert items([{"id": "m_1", "shares": shares}], "conversation_messages") == [
        {"id": "m_1", "shares": [{"link": "https://shop.example/1"}]}
    ]


def test_a_row_that_is_not_an_object_is_left_out() -> None:
    """One row of another type does not fail the page."""
    assert items([{"id": "1"}, None, 7, "x", [{"id": "2"}]]) == [{"id": "1"}]


def test_too_deeply_nested_data_is_cut_off() -> None:
    """The limit is a depth that no real answer reaches."""
    deep: Any = "x"
    for _ in range(500):
        deep = {"in": [deep]}
    assert orjson.dumps(item(id="1", deep=deep)).count(b"in") <= DEPTH
    assert plain(float("inf")) is None


def test_the_cursor_of_facebook_is_kept_and_is_absent_at_the_end() -> None:
    """The number of items does not matter."""
    body = {"data": [], "paging": {"cursors": {"after": "QVFI"}, "next": NEXT}}
    assert fetched(GraphQuery("comments", PAGE, "7"), GraphAnswer(body)).after == "QVFI"
    del body["paging"]["next"]  # type: ignore[attr-defined]
    assert fetched(GraphQuery("comments", PAGE, "7"), GraphAnswer(body)).after is None


def test_a_customer_is_one_item_even_without_data_from_facebook() -> None:
    """Its id is the requested id."""
    asked = GraphQuery("customer", PAGE, "7000000000000001")
    assert fetched(asked, GraphAnswer({})).items == [{"id": "7000000000000001"}]
    found = fetched(
        asked, GraphAnswer({"id": 7000000000000001, "name": "Sokha", "profile_pic": "https://cdn.example/p.jpg"})
    )
    assert found.items == [{"id": "7000000000000001", "name": "Sokha", "profile_pic": "https://cdn.example/p.jpg"}]
    assert found.after is None


VIDEO = {"media_type": "video", "target": {"id": "55"}, "media": {"image": {"src": "https://cdn.example/v.jpg"}}}


def test_videos_among_posts_look_like_videos() -> None:
    """Posts with other things are left out. A page without videos is not the end."""
    posts = [
        {"id": "1_1", "message": "រូបភាព", "attachments": {"data": [{"media_type": "photo", "target": {"id": "3"}}]}},
        {"id": "1_2", "message": "វីដេអូ", "created_time": "2026-02-02T02:41:10+0000", "attachments": {"data": [VIDEO]}},
        {"id": "1_3", "attachments": {"data": [{"media_type": "album", "subattachments": {"data": [VIDEO, {}]}}]}},
        {"id": "1_4", "attachments": [7, {"media_type": "video", "title": "T", "media": {"source": "https://v/"}}]},
        {"id": "1_5"},
    ]
    assert items(posts, "videos", after="p") == [
        {
            "id": "55",
            "description": "វីដេអូ",
            "created_time": "2026-02-02T02:41:10.000Z",
            "picture": "https://cdn.example/v.jpg",
            "post_id": "1_2",
        },
        {"id": "55", "picture": "https://cdn.example/v.jpg", "post_id": "1_3"},
        {"id": "1_4", "title": "T", "source": "https://v/", "post_id": "1_4"},
    ]


@pytest.mark.parametrize(("asked", "given"), [(None, "vQVFI"), ("vabc", "vQVFI"), ("p", "pQVFI"), ("pabc", "pQVFI")])
def test_a_cursor_of_videos_names_its_list(asked: str | None, given: str) -> None:
    """The walk stays in the list in which it began."""
    body: dict[str, Any] = {"data": [], "paging": {"cursors": {"after": "QVFI"}, "next": NEXT}}
    assert fetched(GraphQuery("videos", PAGE, after=asked), GraphAnswer(body)).after == given
    assert fetched(GraphQuery("videos", PAGE, after=asked), GraphAnswer({"data": []})).after is None


@pytest.mark.parametrize(
    ("link", "address"),
    [
        (
            "/104200000000001/inbox/5/?section=messages",
            "https://www.facebook.com/104200000000001/inbox/5/?section=messages",
        ),
        ("https://business.facebook.com/latest/inbox/5", "https://business.facebook.com/latest/inbox/5"),
        ("https://www.messenger.com/t/5", "https://www.messenger.com/t/5"),
        ("//evil.example/5", None),
        ("https://facebook.com.evil.example/5", None),
        ("https://www.facebook.com@evil.example/5", None),
        ("https://evil.example\\@www.facebook.com/5", None),
        ("http://www.facebook.com/5", None),
        ("javascript:alert(1)", None),
        ("https://[", None),
        ("", None),
        (5, None),
    ],
)
def test_the_link_of_a_conversation_is_a_complete_address_of_facebook(link: Any, address: str | None) -> None:
    """Facebook gives a path. An address that is not Facebook's is left out."""
    (found,) = items([{"id": "t_1", "link": link}], "conversations")
    assert found == ({"id": "t_1"} if address is None else {"id": "t_1", "link": address})
