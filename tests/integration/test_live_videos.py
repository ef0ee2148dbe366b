"""Sales by live video: the running videos and every comment on them."""

import json

from simulator.graph_edges import LOW_QUALITY
from simulator.graph_nodes import FakePage
from simulator.payloads import delivery, entry
from simulator.serialize import Document
from tests.callers import PAGE, Facebook, Shop
from tests.facebook import GraphShop, refusal
from tests.graph import FakeGraph, now
from tests.service import Service
from tests.viewer import Viewer

BUYER = {"id": "7000000000000001", "name": "សុខា"}


def test_running_and_recent_live_videos_are_listed_newest_first(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """Each video has its status and the id of its recording. The answer has nothing with which a person could broadcast
    as the Page.
    """
    old, new = (
        graph.world.add_live_video(page, title, status, at=now() - age)
        for title, status, age in (("ម្សិលមិញ", "VOD", 86_400_000), ("ឥឡូវ", "LIVE", 60_000))
    )
    listed = graph_shop.items(page.id, "live-videos", limit=1)
    assert [(one["id"], one["status"], one["title"]) for one in listed] == [
        (new.id, "LIVE", "ឥឡូវ"),
        (old.id, "VOD", "ម្សិលមិញ"),
    ]
    assert listed[0]["video"] == new.document["video"]
    assert listed[0]["broadcast_start_time"].endswith("Z")
    assert "stream_url" not in json.dumps(listed)


def test_all_comments_of_a_live_video_come_in_the_requested_order(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The comments come page by page. Comments that Facebook ranks low are included, because a buyer often writes only
    a number.
    """
    live = graph.world.add_live_video(page, "ឥឡូវ")
    said = [f"A{number}" for number in range(5)]
    for number, words in enumerate(said):
        comment = graph.world.add_comment(live, words, at=now() - 60_000 + number, by=BUYER)
        comment.document[LOW_QUALITY] = number % 2 == 1
    place = f"live-videos/{live.id}/comments"
    found = graph_shop.items(page.id, place, limit=2, order="chronological")
    assert [one["message"] for one in found] == said
    assert found[0]["from"] == BUYER
    found = graph_shop.items(page.id, place, limit=2, order="reverse_chronological")
    assert [one["message"] for one in found] == said[::-1]
    first = graph_shop.fetch(page.id, place, limit=5, order="chronological")
    graph.world.add_comment(live, "A5", at=now(), by=BUYER)
    again = graph_shop.fetch(page.id, place, limit=5, order="reverse_chronological")
    assert first["after"] is None
    assert again["items"][0]["message"] == "A5", "what is said meanwhile is there at the next call"


def test_live_videos_come_from_the_videos_if_facebook_does_not_list_them(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """The fields have the same names. The service reads the comments of the recording, which are the same comments."""
    graph.world.add_video(page, "no live video")
    live = graph.world.add_live_video(page, "ឥឡូវ")
    recording = live.document["video"]["id"]
    graph.world.add_video(page, "none either")
    graph.world.live_videos_readable = False
    (found,) = graph_shop.items(page.id, "live-videos", limit=1)
    assert (found["id"], found["status"], found["title"]) == (recording, "LIVE", "ឥឡូវ")
    assert found["video"] == {"id": recording}
    graph.world.add_comment(graph.world.objects[recording], "A1", by=BUYER)
    (comment,) = graph_shop.items(page.id, f"live-videos/{recording}/comments")
    assert comment["message"] == "A1"
    graph.world.videos_readable = False
    assert graph_shop.ask(page.id, "live-videos").status_code in {400, 404, 409}


def test_an_unknown_live_video_is_answered_404_and_an_invalid_id_400(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """A live video of another Page is not shown either."""
    assert refusal(graph_shop.ask(page.id, "live-videos/990000/comments")) == (404, "object_not_found")
    assert refusal(graph_shop.ask(page.id, "live-videos/me/comments")) == (400, "parameter_refused")
    assert refusal(graph_shop.ask(page.id, "live-videos", after="x")) == (400, "parameter_refused")


def changed(facebook: Facebook, field: str, value: Document) -> None:
    """Deliver one change of the Page."""
    body = delivery([entry(PAGE, now(), "changes", [{"field": field, "value": value}])])
    assert facebook.deliver(body).status_code == 200


def test_viewers_get_events_of_live_videos_and_mentions(service: Service, facebook: Facebook, shop: Shop) -> None:
    """The event has the ids for calls of Facebook and the status. Ids can be numbers or texts.
    Nothing of it is stored.
    """
    with Viewer(service.url) as viewer:
        viewer.wait_for("ready")
        changed(facebook, "live_videos", {"id": "99", "status": "live"})
        changed(facebook, "live_videos", {"id": 880000000000099, "status": "vod"})
        words = {"item": "comment", "verb": "add", "message": "@ហាង"}
        changed(facebook, "mention", {**words, "post_id": "200_300", "comment_id": "300_400"})
        changed(facebook, "live_videos", {"id": {"a": 1}, "status": ["live"]})
        seen = [one.data for one in viewer.wait_for("live", 4)]
    assert [{"video_id": one.get("video_id"), "status": one.get("status")} for one in seen] == [
        {"video_id": "99", "status": "live"},
        {"video_id": "880000000000099", "status": "vod"},
        {"video_id": None, "status": None},
        {"video_id": None, "status": None},
    ]
    assert seen[2].items() >= {"kind": "mention", "post_id": "200_300", "comment_id": "300_400", **words}.items()
    assert shop.ids() == []


def test_a_page_is_subscribed_to_live_videos_and_mentions(page: FakePage) -> None:
    """Facebook delivers the subscribed fields."""
    (fields,) = page.subscriptions.values()
    assert {"mention", "live_videos"} <= {*fields}
