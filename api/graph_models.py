"""What is fetched from Facebook, as models; documentation of shapes that are Facebook's own, and may have more.

Facebook leaves out what it has no data for, and what the Page's token may not see: everything but `id` may be absent.
Lists inside of an item are plain lists, times RFC 3339 in UTC with milliseconds, numbers too large for JavaScript text.
developers.facebook.com/docs/graph-api/reference: page/feed, page/videos, live-video, object/comments,
page/conversations, message
"""

from typing import Any

from pydantic import MISSING, BaseModel, ConfigDict, Field

from api.models import Moment

_EXPIRING = "Stops working after a while."


class _Item(BaseModel):
    """Facebook may add fields."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    partial: bool | MISSING = Field(
        MISSING, description="true where the whole item is more than Facebook gives in one answer."
    )
    missing: list[str] | MISSING = Field(MISSING, description="What a `partial` item lacks.")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    after: str | None = Field(
        description="Where to go on, as `after=`; null is the end. A short or empty page alone is not."
    )


# `from` is a word of Python: those fields are called `author` here and keep their name outside.


class PersonModel(_Item):
    """A person or a Page, as far as Facebook tells who it is."""

    id: str | MISSING = Field(MISSING, description="A person's id is scoped to the Page, the same as in messages.")
    name: str | MISSING = MISSING


class ReferenceModel(_Item):
    """Something else at Facebook."""

    id: str


class PostAttachmentModel(_Item):
    """A picture, a video or a link of a post; an album lists its own as `subattachments`."""

    media_type: str | MISSING = Field(MISSING, description="`photo`, `video`, `album`, `link`, …")
    type: str | MISSING = MISSING
    title: str | MISSING = MISSING
    description: str | MISSING = MISSING
    url: str | MISSING = MISSING
    media: dict[str, Any] | MISSING = Field(MISSING, description="Its picture and sizes, as Facebook gives them.")
    target: dict[str, Any] | MISSING = Field(MISSING, description="What it shows: `id` of the photo or video.")
    subattachments: list[dict[str, Any]] | MISSING = MISSING


class PostModel(_Item):
    """A published post of the Page."""

    id: str = Field(description="`{page}_{post}`.")
    message: str | MISSING = Field(MISSING, description="Absent where there are pictures alone.")
    story: str | MISSING = MISSING
    created_time: Moment | MISSING = MISSING
    updated_time: Moment | MISSING = MISSING
    permalink_url: str | MISSING = MISSING
    full_picture: str | MISSING = Field(MISSING, description=_EXPIRING)
    status_type: str | MISSING = MISSING
    attachments: list[PostAttachmentModel] | MISSING = MISSING
    comment_count: int | MISSING = MISSING
    reaction_count: int | MISSING = MISSING
    share_count: int | MISSING = Field(MISSING, description="Includes shares that are not visible.")


class VideoModel(_Item):
    """A video of the Page; where Facebook does not let videos be listed, what its posts tell of them."""

    id: str
    title: str | MISSING = MISSING
    description: str | MISSING = MISSING
    created_time: Moment | MISSING = MISSING
    updated_time: Moment | MISSING = MISSING
    length: float | MISSING = Field(MISSING, description="Seconds.")
    permalink_url: str | MISSING = Field(MISSING, description="Facebook gives a path here, without a host.")
    picture: str | MISSING = Field(MISSING, description=_EXPIRING)
    source: str | MISSING = Field(MISSING, description=f"The file. {_EXPIRING}")


class LiveVideoModel(_Item):
    """A live video of the Page: planned, running or over."""

    id: str = Field(description="The event `live_videos` of the stream has it as `video_id`.")
    status: str | MISSING = Field(MISSING, description="`LIVE` while it runs; `LIVE_STOPPED`, `VOD`, … afterwards.")
    title: str | MISSING = MISSING
    description: str | MISSING = MISSING
    creation_time: Moment | MISSING = MISSING
    broadcast_start_time: Moment | MISSING = MISSING
    live_views: int | MISSING = Field(MISSING, description="People who watch now.")
    permalink_url: str | MISSING = Field(MISSING, description="Facebook gives a path here, without a host.")
    video: ReferenceModel | MISSING = Field(MISSING, description="The video of the recording.")


class CommentModel(_Item):
    """A comment on a post, or a reply to a comment."""

    id: str
    message: str | MISSING = Field(MISSING, description="Empty for a sticker or a photo: see `attachment`.")
    created_time: Moment | MISSING = MISSING
    author: PersonModel | MISSING = Field(MISSING, alias="from", description="Absent where Facebook does not tell.")
    parent: ReferenceModel | MISSING = Field(MISSING, description="The comment it replies to.")
    attachment: dict[str, Any] | MISSING = MISSING
    comment_count: int | MISSING = Field(MISSING, description="Replies, with those that may not be seen.")
    like_count: int | MISSING = MISSING
    is_hidden: bool | MISSING = MISSING
    is_private: bool | MISSING = MISSING
    permalink_url: str | MISSING = MISSING


class GraphConversationModel(_Item):
    """A conversation as Facebook has it, which is longer than the five days kept here."""

    id: str = Field(description="Facebook's own, `t_…`; another than `conversation_id` of a kept message.")
    updated_time: Moment | MISSING = MISSING
    snippet: str | MISSING = Field(MISSING, description="The beginning of its last message.")
    message_count: int | MISSING = MISSING
    unread_count: int | MISSING = MISSING
    participants: list[PersonModel] | MISSING = MISSING
    can_reply: bool | MISSING = MISSING


class GraphMessageModel(_Item):
    """A message as Facebook has it. It may tell no more than the id of those before the newest twenty."""

    id: str
    created_time: Moment | MISSING = MISSING
    message: str | MISSING = Field(MISSING, description="Empty where there are attachments alone.")
    author: PersonModel | MISSING = Field(MISSING, alias="from")
    to: list[PersonModel] | MISSING = MISSING
    attachments: list[dict[str, Any]] | MISSING = Field(
        MISSING, description="Each with `image_data`, `video_data` or `file_url`, as Facebook gives them."
    )
    shares: list[dict[str, Any]] | MISSING = MISSING
    sticker: str | MISSING = MISSING
    reply_to: dict[str, Any] | MISSING = MISSING
    is_unsupported: bool | MISSING = Field(MISSING, description="Facebook shows it to people, and tells us nothing.")


class AddressModel(_Item):
    """An attachment of a message, as Facebook has it now."""

    type: str = Field(description="As in the message: `image`, `video`, `audio`, `file`, `sticker`, `fallback`.")
    url: str = Field(description=f"Where the file is. {_EXPIRING}")


class CustomerModel(_Item):
    """A person who wrote to the Page; only `id` where Facebook tells no more. Where Facebook refuses the profile, the
    name comes from the conversation, without a picture.
    """

    id: str
    name: str | MISSING = MISSING
    profile_pic: str | MISSING = Field(MISSING, description=f"The picture's address. {_EXPIRING}")


class PostsModel(_Answer):
    """Posts of the Page, newest first."""

    items: list[PostModel]


class VideosModel(_Answer):
    """Videos of the Page."""

    items: list[VideoModel]


class LiveVideosModel(_Answer):
    """Live videos of the Page, newest first."""

    items: list[LiveVideoModel]


class CommentsModel(_Answer):
    """Comments, or replies to one."""

    items: list[CommentModel]


class GraphConversationsModel(_Answer):
    """Conversations as Facebook has them, newest activity first."""

    items: list[GraphConversationModel]


class GraphMessagesModel(_Answer):
    """Messages of a conversation as Facebook has them, newest first."""

    items: list[GraphMessageModel]


class NamedCustomerModel(CustomerModel):
    """A customer with the conversation that was asked for."""

    conversation_id: str


class FailedCustomerModel(BaseModel):
    """A customer of whom Facebook says nothing."""

    conversation_id: str
    reason: str = Field(description="As of a problem: `object_not_found`, `permission_missing`, `throttled`, …")


class NamedCustomersModel(BaseModel):
    """Several customers, in the order in which they were asked for."""

    items: list[NamedCustomerModel]
    failed: list[FailedCustomerModel] = Field(description="Empty where Facebook says something of each.")


class CustomersModel(_Answer):
    """One customer; `after` is null."""

    items: list[CustomerModel]
