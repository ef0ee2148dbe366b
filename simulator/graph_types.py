"""Pure: the names of each node type's fields in v26.0, and the default fields.

From developers.facebook.com/docs/graph-api/reference: page, page-post, video, live-video, comment, conversation,
message, and messenger-platform/identity/user-profile. The fields of posts that v3.3 removed (`link`, `name`, ...) are
left out.
"""

from dataclasses import dataclass
from typing import Literal

Form = Literal["plain", "part", "list", "edge", "tally"]
"""A plain value; an object with its own fields; a short list inside its node, answered as `{"data": [...]}`; an edge to
other nodes; or an edge with only its count."""


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
_COMMENTS = Shape("edge", "Comment")

TYPES: dict[str, dict[str, Shape]] = {
    "Page": _plain("id name about category fan_count followers_count link username verification_status tasks")
    | {"picture": _part("Picture")},
    "PagePost": _plain(
        "id message story created_time updated_time backdated_time permalink_url full_picture picture icon status_type"
        " is_published is_hidden is_expired is_popular is_spherical is_inline_created is_eligible_for_promotion"
        " is_instagram_eligible instagram_eligibility message_tags story_tags properties parent_id place promotable_id"
        " scheduled_publish_time timeline_visibility subscribed can_reply_privately call_to_action child_attachments"
        " coordinates event feed_targeting targeting privacy actions height width video_buying_eligibility via"
    )
    | {
        "from": _part("Profile"),
        "shares": _part("Shares"),
        "attachments": _list("StoryAttachment"),
        "comments": _COMMENTS,
        "reactions": _TALLY,
        "likes": _TALLY,
    },
    "StoryAttachment": _plain("description description_tags media_type title type unshimmed_url url")
    | {
        "media": _part("StoryAttachmentMedia"),
        "target": _part("StoryAttachmentTarget"),
        "subattachments": _list("StoryAttachment"),
    },
    "StoryAttachmentMedia": _plain("source") | {"image": _part("ImageSource")},
    "StoryAttachmentTarget": _plain("id unshimmed_url url"),
    "ImageSource": _plain("height src width"),
    "Picture": _plain("data"),
    "Profile": _plain("id name username link pic") | {"picture": _part("Picture")},
    "Shares": _plain("count"),
    "Video": _plain(
        "id title description created_time updated_time length permalink_url picture source published views post_id"
        " live_status embeddable embed_html format icon is_crosspost_video is_crossposting_eligible is_episode"
        " content_category content_tags custom_labels backdated_time event place privacy scheduled_publish_time"
        " universal_video_id ad_breaks boost_eligibility_info"
    )
    | {
        "from": _part("Profile"),
        "status": _part("VideoStatus"),
        "thumbnails": _list("VideoThumbnail"),
        "captions": _list("VideoCaption"),
        "comments": _COMMENTS,
        "reactions": _TALLY,
        "likes": _TALLY,
    },
    "LiveVideo": _plain(
        "id title description status creation_time broadcast_start_time planned_start_time live_views permalink_url"
        " embed_html seconds_left stream_url secure_stream_url dash_preview_url is_manual_mode overlay_url"
    )
    | {"from": _part("Profile"), "video": _part("LiveVideoFile"), "comments": _COMMENTS, "reactions": _TALLY},
    "LiveVideoFile": _plain("id"),
    "VideoStatus": _plain("video_status uploading_phase processing_phase publishing_phase processing_progress"),
    "VideoThumbnail": _plain("id height width scale uri is_preferred name"),
    "VideoCaption": _plain("id create_time locale locale_name uri is_default"),
    "Comment": _plain(
        "id message created_time comment_count like_count is_hidden is_private can_comment can_reply_privately"
        " can_hide can_like can_remove message_tags permalink_url user_likes private_reply_conversation"
        " live_broadcast_timestamp admin_creator"
    )
    | {
        "from": _part("Profile"),
        "parent": _part("CommentParent"),
        "object": _part("CommentObject"),
        "attachment": _part("StoryAttachment"),
        "comments": _COMMENTS,
        "reactions": _TALLY,
        "likes": _TALLY,
    },
    "CommentParent": _plain("id message created_time") | {"from": _part("Profile")},
    "CommentObject": _plain("id"),
    "UnifiedThread": _plain(
        "id link updated_time snippet message_count unread_count can_reply is_subscribed is_owner scoped_thread_key"
        " folder name subject"
    )
    | {
        "participants": _list("Participant"),
        "senders": _list("Participant"),
        "former_participants": _list("Participant"),
        "messages": Shape("edge", "Message"),
    },
    "Participant": _plain("id name email"),
    "Message": _plain("id created_time message sticker thread_id is_unsupported")
    | {
        "from": _part("Participant"),
        "to": _list("Participant"),
        "attachments": _list("MessageAttachment"),
        "shares": _list("MessageShare"),
        "tags": _list("MessageTag"),
        "reactions": _list("MessageReaction"),
        "reply_to": _part("ReplyTo"),
    },
    "MessageAttachment": _plain("id mime_type name size file_url")
    | {"image_data": _part("ImageData"), "video_data": _part("VideoData"), "generic_template": _part("Template")},
    "ImageData": _plain(
        "url preview_url width height max_width max_height image_type render_as_sticker animated_gif_url"
        " animated_gif_preview_url raw_gif_image raw_webp_image"
    ),
    "VideoData": _plain("url preview_url width height length rotation video_type"),
    "Template": _plain("title subtitle media_url cta"),
    "MessageShare": _plain("id description link name template"),
    "MessageTag": _plain("name"),
    "MessageReaction": _plain("reaction users"),
    "ReplyTo": _plain("mid is_self_reply"),
    "User": _plain("id name first_name last_name profile_pic locale timezone gender"),
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
    "User": ("first_name", "last_name", "profile_pic", "id"),
    "Application": ("id", "name", "link", "category", "subscribed_fields"),
}
"""The fields of an answer to a call without `fields`. The link of a shared item comes only if the call names it."""
