"""Facts that viewers of the live stream get about events that are never stored. Facts of a wrong type are left out.

For a kind that `_READ` does not list, viewers get no facts. Forms and orders, for example, hold personal data.
"""

from collections.abc import Callable
from typing import Any, Final

from domain.event import NoticeKind
from domain.message import Fact
from domain.moment import rfc3339
from webhook.facts import Json, known
from webhook.values import sent_at

LONGEST_TEXT: Final = 8_000
"""Viewers get this many characters of a post or comment. Facebook has the same limit for a comment."""
MOST: Final = 30
"""Viewers get at most this many message ids or photos of one notice."""

_FEED_TEXTS: Final = (
    *("item", "verb", "post_id", "comment_id", "parent_id", "message", "reaction_type"),
    *("link", "photo", "photo_id", "video", "video_id", "share_id", "album_id", "event_id", "story"),
)
_FEED_FLAGS: Final = ("published", "is_hidden")


def _reaction(value: Json) -> Fact:
    """Returns a reaction to a message. If the action is `unreact`, the reaction and its emoji may be missing."""
    fact = _texts(value, ("action", "reaction", "emoji"))
    return {"message_id": value["mid"], **fact} if type(value.get("mid")) is str else fact


def _watermark(value: Json) -> Fact:
    """Returns the time up to which all of the Page's messages were read or delivered, and the messages that Facebook
    names."""
    fact: Fact = {}
    moment = sent_at(value.get("watermark"))
    if moment is not None:
        fact["watermark"] = rfc3339(moment)
    mids = value.get("mids")
    if type(mids) is list:
        fact["message_ids"] = [mid for mid in mids[:MOST] if type(mid) is str]
    return fact


def _referral(value: Json) -> Fact:
    """Returns the place from which a customer came, for example an advertisement."""
    return {"referral": known(value)} if known(value) else {}


def _feed(value: Json) -> Fact:
    """Returns a post, comment or reaction on the Page, under Facebook's own names."""
    fact = _texts(value, _FEED_TEXTS)
    fact |= {name: bool(value[name]) for name in _FEED_FLAGS if type(value.get(name)) in (bool, int)}
    photos = value.get("photos")
    if type(photos) is list:
        fact["photos"] = [photo for photo in photos[:MOST] if type(photo) is str]
    author = known(value.get("from")) or {}
    if person := _texts(author, ("id", "name")):
        fact["from"] = person
    return fact


def _live_video(value: Json) -> Fact:
    """Returns a live video that began, ended or changed: its id, and its status as Facebook writes it."""
    found = _texts(value, ("id", "status"))
    return {"video_id" if name == "id" else name: text for name, text in found.items()}


_READ: Final[dict[NoticeKind, Callable[[Json], Fact]]] = {
    "reaction": _reaction,
    "read": _watermark,
    "delivery": _watermark,
    "referral": _referral,
    "feed": _feed,
    "mention": _feed,
    "live_videos": _live_video,
}


def facts(kind: NoticeKind, value: Any) -> Fact:
    """Returns the facts of an event of this kind, beside its time, Page and conversation."""
    read = _READ.get(kind)
    return read(value) if read is not None and type(value) is dict else {}


def _texts(value: Json, names: tuple[str, ...]) -> Fact:
    """Returns the texts under these names. An id that is a number becomes text."""
    fact: Fact = {}
    for name in names:
        text = value.get(name)
        if type(text) is int and name.endswith("id"):
            text = str(text)
        if type(text) is str and text:
            fact[name] = text[:LONGEST_TEXT]
    return fact
