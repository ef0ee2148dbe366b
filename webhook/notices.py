"""What viewers are told of what is never kept, in the shape the API gives it. A fact of the wrong type is left out.

Of kinds that are not listed here nothing is told but that it happened: forms, orders and the like hold personal data
that nobody looks at in passing.
"""

from collections.abc import Callable
from typing import Any, Final

from domain.event import NoticeKind
from domain.message import Fact
from domain.moment import rfc3339
from webhook.facts import Json, known
from webhook.values import sent_at

LONGEST_TEXT: Final = 8_000
"""Characters told of a post or comment; Facebook's own limit for a comment. What is longer is cut off."""
MOST: Final = 30
"""Message ids or photos told of one notice."""

_FEED_TEXTS: Final = (
    *("item", "verb", "post_id", "comment_id", "parent_id", "message", "reaction_type"),
    *("link", "photo", "photo_id", "video", "video_id", "share_id", "album_id", "event_id", "story"),
)
_FEED_FLAGS: Final = ("published", "is_hidden")


def _reaction(value: Json) -> Fact:
    """A reaction to a message: `unreact` may come without the rest."""
    told = _texts(value, ("action", "reaction", "emoji"))
    return {"message_id": value["mid"], **told} if type(value.get("mid")) is str else told


def _watermark(value: Json) -> Fact:
    """Everything the Page has sent up to a time, and the messages that Facebook names."""
    told: Fact = {}
    moment = sent_at(value.get("watermark"))
    if moment is not None:
        told["watermark"] = rfc3339(moment)
    mids = value.get("mids")
    if type(mids) is list:
        told["message_ids"] = [mid for mid in mids[:MOST] if type(mid) is str]
    return told


def _referral(value: Json) -> Fact:
    """Where a customer came from."""
    return {"referral": known(value)} if known(value) else {}


def _feed(value: Json) -> Fact:
    """A post, comment or reaction on the Page, under Facebook's own names."""
    told = _texts(value, _FEED_TEXTS)
    told |= {name: bool(value[name]) for name in _FEED_FLAGS if type(value.get(name)) in (bool, int)}
    photos = value.get("photos")
    if type(photos) is list:
        told["photos"] = [photo for photo in photos[:MOST] if type(photo) is str]
    author = known(value.get("from")) or {}
    if person := _texts(author, ("id", "name")):
        told["from"] = person
    return told


def _live_video(value: Json) -> Fact:
    """A live video that began, ended or changed: its id, and its status as Facebook writes it."""
    found = _texts(value, ("id", "status"))
    return {"video_id" if name == "id" else name: fact for name, fact in found.items()}


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
    """What is told of an event of this kind beside when, where and with whom it happened."""
    read = _READ.get(kind)
    return read(value) if read is not None and type(value) is dict else {}


def _texts(value: Json, names: tuple[str, ...]) -> Fact:
    """Those that are there; an id that is a number as text."""
    told: Fact = {}
    for name in names:
        fact = value.get(name)
        if type(fact) is int and name.endswith("id"):
            fact = str(fact)
        if type(fact) is str and fact:
            told[name] = fact[:LONGEST_TEXT]
    return told
