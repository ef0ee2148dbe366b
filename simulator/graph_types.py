"""Pure: the fields of each node type in v26.0 that the world has or a test asks for, and the default fields.

From developers.facebook.com/docs/graph-api/reference: page, page-post, video, live-video, comment, conversation,
message, and messenger-platform/identity/user-profile. The fields of posts that v3.3 removed (`link`, `name`, ...) are
left out.
"""

from dataclasses import dataclass
from typing import Literal

Form = Literal["plain", "part", "list", "tally"]
"""A plain value; an object with its own fields; a short list inside its node, answered as `{"data": [...]}`; or the
count of an edge."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a field is answered; `type` is the type of the fields inside, or None if they cannot be chosen."""

    form: Form = "plain"
    type: str | None = None


def _plain(names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), Shape())


def _part(node_type: str) -> Shape:
    return Shape("part", node_type)


def _list(node_type: str) -> Shape:
    return Shape("list", node_type)


_TALLY = Shape("tally")

TYPES: dict[str, dict[str, Shape]] = {
    "Page": _plain("id name"),
    "PagePost": _plain("id message story created_time updated_time permalink_url full_picture status_type")
    | {
        "shares": _part("Shares"),
        "attachments": _list("StoryAttachment"),
        "comments": _TALLY,
        "reactions": _TALLY,
    },
    "StoryAttachment": _plain("description media_type title type url")
    | {
        "media": _part("StoryAttachmentMedia"),
        "target": _part("StoryAttachmentTarget"),
        "subattachments": _list("StoryAttachment"),
    },
    "StoryAttachmentMedia": _plain("source") | {"image": _part("ImageSource")},
    "StoryAttachmentTarget": _plain("id url"),
    "ImageSource": _plain("height src width"),
    "Profile": _plain("id name"),
    "Shares": _plain("count"),
    "Video": _plain(
        "id title description created_time updated_time length permalink_url picture source post_id live_status"
    ),
    "LiveVideo": _plain(
        "id title description status creation_time broadcast_start_time live_views permalink_url embed_html stream_url"
        " secure_stream_url"
    )
    | {"video": _part("LiveVideoFile")},
    "LiveVideoFile": _plain("id"),
    "Comment": _plain("id message created_time comment_count like_count is_hidden is_private permalink_url")
    | {
        "from": _part("Profile"),
        "parent": _part("CommentParent"),
        "attachment": _part("StoryAttachment"),
    },
    "CommentParent": _plain("id message created_time"),
    "UnifiedThread": _plain("id link updated_time snippet message_count unread_count can_reply")
    | {"participants": _list("Participant")},
    "Participant": _plain("id name email"),
    "Message": _plain("id created_time message sticker is_unsupported")
    | {
        "from": _part("Participant"),
        "to": _list("Participant"),
        "attachments": _list("MessageAttachment"),
        "shares": _list("MessageShare"),
        "reply_to": _part("ReplyTo"),
    },
    "MessageAttachment": _plain("id mime_type name size file_url")
    | {"image_data": _part("ImageData"), "video_data": _part("VideoData"), "generic_template": _part("Template")},
    "ImageData": _plain("url preview_url width height max_width max_height image_type render_as_sticker"),
    "VideoData": _plain("url preview_url width height length rotation video_type"),
    "Template": _plain("title subtitle media_url cta"),
    "MessageShare": _plain("id description link name"),
    "ReplyTo": _plain("mid is_self_reply"),
    "User": _plain("id name first_name profile_pic"),
    "Application": _plain("id name link category subscribed_fields"),
}
"""Maps a type and a field to the form of the answer."""

DEFAULTS: dict[str, tuple[str, ...]] = {
    "Page": ("name", "id"),
    "PagePost": ("created_time", "message", "id"),
    "Video": ("updated_time", "description", "id"),
    "LiveVideo": ("id", "title", "status", "embed_html", "stream_url", "secure_stream_url"),
    "Comment": ("created_time", "from", "message", "id"),
    "UnifiedThread": ("id", "updated_time"),
    "Message": ("id", "created_time"),
    "MessageShare": ("id",),
    "User": ("first_name", "profile_pic", "id"),
    "Application": ("id", "name", "link", "category", "subscribed_fields"),
}
"""The fields of an answer to a call without `fields`. The link of a shared item comes only if the call names it."""
