"""Pure: videos that are found in a Page's posts, where Facebook does not let the videos themselves be listed.

Such a walk goes over posts, so its cursors are those of posts. Which of the two lists a cursor belongs to is told by
the letter that we put before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from domain.message import Fact
from graph_client.errors import ParameterRefused

_LETTERS: Final[dict[str, Literal["videos", "posts"]]] = {"v": "videos", "p": "posts"}


@dataclass(frozen=True, slots=True)
class VideoPlace:
    """Which list is walked, and Graph's cursor in it; None at the beginning."""

    of: Literal["videos", "posts"]
    after: str | None


def video_place(cursor: str | None) -> VideoPlace:
    """The place that our cursor stands for. Raises ParameterRefused for one that we did not hand out."""
    if cursor is None:
        return VideoPlace("videos", None)
    of = _LETTERS.get(cursor[:1])
    if of is None or cursor == "v":
        raise ParameterRefused(sentence="This is no `after` of an answer with videos. Begin again without it.")
    return VideoPlace(of, cursor[1:] or None)


def write_video_place(place: VideoPlace) -> str:
    """Our cursor for a place."""
    return f"{place.of[0]}{place.after or ''}"


def videos_of(post: Fact) -> Iterator[Fact]:
    """The videos of a post, alone or in an album, under the names that videos have; `post` as `parse.py` gives it.

    The id is the video's own where the post tells it. What a post does not tell (`length`) stays absent.
    """
    attachments = post.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else ():
        inner = attachment.get("subattachments") if isinstance(attachment, dict) else None
        found = [one for one in (inner if isinstance(inner, list) else ()) if _is_video(one)]
        for one in found or ([attachment] if _is_video(attachment) else ()):
            yield _video(post, one)


def _is_video(attachment: object) -> bool:
    return isinstance(attachment, dict) and attachment.get("media_type") == "video"


def _video(post: Fact, attachment: Fact) -> Fact:
    media, target = _object(attachment, "media"), _object(attachment, "target")
    told = {
        "id": target.get("id", post.get("id")),
        "title": attachment.get("title"),
        "description": attachment.get("description", post.get("message")),
        "created_time": post.get("created_time"),
        "updated_time": post.get("updated_time"),
        "permalink_url": attachment.get("url", post.get("permalink_url")),
        "picture": _object(media, "image").get("src", post.get("full_picture")),
        "source": media.get("source"),
        "post_id": post.get("id"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _object(fact: Fact, name: str) -> Fact:
    found = fact.get(name)
    return found if isinstance(found, dict) else {}
