"""Pure: the second list to search if Facebook refuses the first: posts for videos, videos for live videos.

A cursor belongs to the list that it comes from. The service puts a letter before the cursor, which names the list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from domain.graph import Edge
from domain.message import Fact
from graph_client.errors import ParameterRefused

List = Literal["live_videos", "videos", "posts"]

_LISTS: Final[dict[Edge, tuple[List, List]]] = {"videos": ("videos", "posts"), "live_videos": ("live_videos", "videos")}
"""For each edge its own list, and the list to search if Facebook refuses the first."""


@dataclass(frozen=True, slots=True)
class VideoPlace:
    """The list that is read, and Graph's cursor in it, or None at the beginning."""

    of: List
    after: str | None


def video_place(edge: Edge, cursor: str | None) -> VideoPlace:
    """Returns the place of a cursor of the service. Raises ParameterRefused for a cursor that the service did not
    create."""
    own, other = _LISTS[edge]
    if cursor is None:
        return VideoPlace(own, None)
    after = cursor[1:] or None
    if cursor[:1] == other[0]:
        return VideoPlace(other, after)
    if cursor[:1] == own[0] and after is not None:
        return VideoPlace(own, after)
    raise ParameterRefused(sentence="This is no `after` of an answer with videos. Begin again without it.")


def other_place(edge: Edge) -> VideoPlace | None:
    """Returns the beginning of the second list if Facebook refuses the first. Returns None for an edge without a second
    list."""
    return VideoPlace(_LISTS[edge][1], None) if edge in _LISTS else None


def write_video_place(place: VideoPlace) -> str:
    """Returns the service's cursor for a place."""
    return f"{place.of[0]}{place.after or ''}"


def live_video_of(video: Fact) -> Fact | None:
    """Returns a live video made from its recording, with the field names of live videos. Returns None if the video is
    not a recording.
    """
    status = video.get("live_status")
    if not isinstance(status, str):
        return None
    found = {
        "id": video.get("id"),
        "status": status,
        "title": video.get("title"),
        "description": video.get("description"),
        "creation_time": video.get("created_time"),
        "permalink_url": video.get("permalink_url"),
        "video": {"id": video.get("id")},
    }
    return {name: value for name, value in found.items() if value is not None}


def videos_of(post: Fact) -> Iterator[Fact]:
    """Yields the videos of a post, single or in an album, with the names that videos have. `post` comes from
    `parse.py`.

    The id is the video's own if the post has it. A member that a post does not have (`length`) stays absent.
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
    members = {
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
    return {name: value for name, value in members.items() if value is not None}


def _object(fact: Fact, name: str) -> Fact:
    found = fact.get(name)
    return found if isinstance(found, dict) else {}
