"""Pure: what happens at the Page outside of conversations: posts, comments, mentions, leads, calls. A receiver keeps
none of these events.

Shapes: developers.facebook.com/docs/graph-api/webhooks/reference/page and messenger-platform/calling/webhooks; times
inside are in seconds. The makers have the same arguments as in `messages`, and take Page and person from the
conversation.
"""

import random
from collections.abc import Callable

from simulator import texts
from simulator.customers import Conversation
from simulator.happening import Happening
from simulator.messages import Maker
from simulator.serialize import Document

Value = Callable[[Conversation, random.Random, int], object]
"""Draws a change's value; the moment is in seconds."""


def changed(kind: str, field: str, value: Value) -> Maker:
    """Returns a maker of changes in the given field."""

    def change(chat: Conversation, rng: random.Random, at: int) -> Happening:
        part = {"field": field, "value": value(chat, rng, at // 1000)}
        return Happening(kind, chat.page, "changes", part)

    return change


def _person(chat: Conversation) -> Document:
    return {"id": chat.psid, "name": chat.name}


def _post_id(chat: Conversation, rng: random.Random) -> str:
    return f"{chat.page}_{7700 + rng.randrange(20)}"


def _comment(chat: Conversation, rng: random.Random, now: int) -> Document:
    post = _post_id(chat, rng)
    number = post.rpartition("_")[2]
    comment: Document = {
        "item": "comment",
        "verb": rng.choice(("add", "add", "add", "edited", "remove", "hide")),
        "post_id": post,
        "parent_id": post,
        "comment_id": f"{number}_{rng.randrange(5000, 10**9)}",
        "from": _person(chat),
    }
    # A removal comes without the text, and in most cases without the time.
    return comment if comment["verb"] == "remove" else {**comment, "message": texts.comment(rng), "created_time": now}


def _post(chat: Conversation, rng: random.Random, now: int) -> Document:
    page: Document = {"id": chat.page, "name": "ហាងសុខា"}
    post: Document = {"verb": "add", "post_id": _post_id(chat, rng), "from": page, "created_time": now, "published": 1}
    photo = {"item": "photo", "photo_id": str(rng.randrange(8000, 9000)), "link": "https://cdn.example/p.jpg"}
    choices: tuple[Document, ...] = (
        {"item": "status", "message": f"ទំនិញថ្មី {texts.price(rng)}"},
        photo,
        {"item": "video", "video_id": "9904", "link": "https://cdn.example/v.mp4", "published": 0},
    )
    return {**post, **rng.choice(choices)}


def _feed_reaction(chat: Conversation, rng: random.Random, now: int) -> Document:
    post = _post_id(chat, rng)
    return {
        "item": "reaction",
        "verb": rng.choice(("add", "add", "edit", "remove")),
        "reaction_type": rng.choice(("like", "love", "wow", "haha", "sorry", "anger", "care")),
        "post_id": post,
        "parent_id": post,
        "from": _person(chat),
        "created_time": now,
    }


def _mention(_chat: Conversation, rng: random.Random, now: int) -> Document:
    mention: Document = {"item": "post", "verb": "add", "post_id": f"200_{rng.randrange(300, 400)}"}
    return {**mention, "message": "@ហាងសុខា ល្អ", "created_time": now}


def _conversations(chat: Conversation, rng: random.Random, _now: int) -> Document:
    thread = f"t_{rng.randrange(10**9)}"
    return {"page_id": int(chat.page) if chat.page.isdigit() else chat.page, "thread_id": thread, "thread_key": thread}


def _leadgen(chat: Conversation, rng: random.Random, now: int) -> Document:
    return {"leadgen_id": str(rng.randrange(10**9)), "form_id": "2", "page_id": chat.page, "created_time": now}


def _rating(chat: Conversation, rng: random.Random, now: int) -> Document:
    return {
        "item": "rating",
        "verb": "add",
        "open_graph_story_id": str(rng.randrange(10**9)),
        "reviewer_id": chat.psid,
        "reviewer_name": chat.name,
        "recommendation_type": "POSITIVE",
        "review_text": "ល្អ",
        "created_time": now,
    }


def _live_video(_chat: Conversation, rng: random.Random, _now: int) -> Document:
    return {"id": str(rng.randrange(100, 200)), "status": rng.choice(("live", "vod"))}


def _video(_chat: Conversation, rng: random.Random, _now: int) -> Document:
    return {"id": str(rng.randrange(100, 200)), "status": {"video_status": "ready"}}


def _label(chat: Conversation, _rng: random.Random, _now: int) -> Document:
    return {"user": {"id": chat.psid}, "action": "add", "label": {"id": "5", "page_label_name": "VIP"}}


def call(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A call begins or ends."""
    number, now = f"c_{rng.randrange(10**9)}", at // 1000
    if rng.random() < 0.5:
        began: Document = {"from": chat.psid, "to": chat.page, "event": "connect", "call_direction": "user_initiated"}
        return Happening("call", chat.page, "calls", {"id": number, "timestamp": now, **began})
    ended = {"event": "terminate", "status": "Completed", "start_time": now - 120, "end_time": now, "duration": 120}
    return Happening("call", chat.page, "calls", {"id": number, "timestamp": now, **ended})


MIX: dict[str, tuple[float, Maker]] = {
    "feed_comment": (3.0, changed("feed_comment", "feed", _comment)),
    "feed_post": (0.6, changed("feed_post", "feed", _post)),
    "feed_reaction": (1.0, changed("feed_reaction", "feed", _feed_reaction)),
    "mention": (0.6, changed("mention", "mention", _mention)),
    "conversations": (0.5, changed("conversations", "conversations", _conversations)),
    "leadgen": (0.5, changed("leadgen", "leadgen", _leadgen)),
    "ratings": (0.5, changed("ratings", "ratings", _rating)),
    "live_videos": (0.5, changed("live_videos", "live_videos", _live_video)),
    "videos": (0.5, changed("videos", "videos", _video)),
    "inbox_labels": (0.5, changed("inbox_labels", "inbox_labels", _label)),
    "call": (0.6, call),
}
"""Kind to weight and maker."""
