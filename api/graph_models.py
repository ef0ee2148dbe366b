"""The models of objects that are fetched from Facebook. Facebook decides their fields and may add more fields.

Facebook leaves out fields without data, and fields that the Page's token may not see. So every field except `id` may be
absent. Lists inside an item are plain lists. Times are RFC 3339 in UTC with milliseconds. Numbers too large for
JavaScript are texts. developers.facebook.com/docs/graph-api/reference: page/feed, page/videos, live-video,
object/comments, page/conversations, message
"""

from typing import Any

from pydantic import MISSING, Field

from api.models import ClosedModel, Moment, OpenModel

_EXPIRING = "Stops working after a while."


class _Item(OpenModel):
    """Facebook may add fields."""

    partial: bool | MISSING = Field(
        MISSING, description="true if the whole item is too large for one answer of Facebook."
    )
    missing: list[str] | MISSING = Field(MISSING, description="The fields that a `partial` item lacks.")


class _Items(ClosedModel):
    after: str | None = Field(
        description="The `after` of the next page. Only null is the end: a short or empty page is not."
    )


# `from` is a reserved word of Python, so these fields are named `author` here. In the API their name is `from`.


class PersonModel(_Item):
    """A person or a Page, if Facebook says who it is."""

    id: str | MISSING = Field(
        MISSING, description="A person's id is valid for this Page, and is the same as in messages."
    )
    name: str | MISSING = MISSING


class ReferenceModel(_Item):
    """Another object at Facebook."""

    id: str


class PostAttachmentModel(_Item):
    """A picture, a video or a link of a post. An album has its attachments in `subattachments`."""

    media_type: str | MISSING = Field(MISSING, description="`photo`, `video`, `album`, `link`, …")
    type: str | MISSING = MISSING
    title: str | MISSING = MISSING
    description: str | MISSING = MISSING
    url: str | MISSING = MISSING
    media: dict[str, Any] | MISSING = Field(MISSING, description="Its picture and sizes, in Facebook's form.")
    target: dict[str, Any] | MISSING = Field(MISSING, description="The shown object: `id` of the photo or video.")
    subattachments: list[dict[str, Any]] | MISSING = MISSING


class PostModel(_Item):
    """A published post of the Page."""

    id: str = Field(description="`{page}_{post}`.")
    message: str | MISSING = Field(MISSING, description="Absent if the post has only pictures.")
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
    """A video of the Page. If Facebook does not list videos, the fields come from the Page's posts."""

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
    """A live video of the Page: planned, running or finished."""

    id: str = Field(description="The event `live_videos` of the stream has this id as `video_id`.")
    status: str | MISSING = Field(
        MISSING, description="`LIVE` while the video runs, and `LIVE_STOPPED`, `VOD`, … afterwards."
    )
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
    message: str | MISSING = Field(
        MISSING, description="Empty if the comment is a sticker or a photo: see `attachment`."
    )
    created_time: Moment | MISSING = MISSING
    author: PersonModel | MISSING = Field(MISSING, alias="from", description="Absent if Facebook does not say.")
    parent: ReferenceModel | MISSING = Field(MISSING, description="The comment that is answered.")
    attachment: dict[str, Any] | MISSING = MISSING
    comment_count: int | MISSING = Field(
        MISSING, description="The number of replies, including those that the Page's token may not see."
    )
    like_count: int | MISSING = MISSING
    is_hidden: bool | MISSING = MISSING
    is_private: bool | MISSING = MISSING
    permalink_url: str | MISSING = MISSING


class GraphConversationModel(_Item):
    """A conversation at Facebook. It can be older than the five days of stored messages."""

    id: str = Field(description="Facebook's own id, `t_…`. It differs from the `conversation_id` of a kept message.")
    updated_time: Moment | MISSING = MISSING
    link: str | MISSING = Field(MISSING, description="Its address in the Page's inbox at Facebook.")
    snippet: str | MISSING = Field(MISSING, description="The beginning of its last message.")
    message_count: int | MISSING = MISSING
    unread_count: int | MISSING = MISSING
    participants: list[PersonModel] | MISSING = MISSING
    can_reply: bool | MISSING = MISSING


class GraphMessageModel(_Item):
    """A message at Facebook. For messages before the newest twenty, Facebook may give only the id."""

    id: str
    created_time: Moment | MISSING = MISSING
    message: str | MISSING = Field(MISSING, description="Empty if there are only attachments.")
    author: PersonModel | MISSING = Field(MISSING, alias="from")
    to: list[PersonModel] | MISSING = MISSING
    attachments: list[dict[str, Any]] | MISSING = Field(
        MISSING, description="Each has `image_data`, `video_data` or `file_url`, in Facebook's form."
    )
    shares: list[dict[str, Any]] | MISSING = MISSING
    sticker: str | MISSING = MISSING
    reply_to: dict[str, Any] | MISSING = MISSING
    is_unsupported: bool | MISSING = Field(
        MISSING, description="Facebook shows the message to people, but does not give its content."
    )


class AddressModel(_Item):
    """An attachment of a message, with its current address at Facebook."""

    type: str = Field(description="As in the message: `image`, `video`, `audio`, `file`, `sticker`, `fallback`.")
    url: str = Field(description=f"The file's address. {_EXPIRING}")


class CustomerModel(_Item):
    """A person who wrote to the Page. Only `id` is present if Facebook gives no more.

    If Facebook refuses the profile, the name comes from the conversation, without a picture.
    """

    id: str
    name: str | MISSING = MISSING
    profile_pic: str | MISSING = Field(MISSING, description=f"The picture's address. {_EXPIRING}")


class PostsModel(_Items):
    """Posts of the Page, newest first."""

    items: list[PostModel]


class VideosModel(_Items):
    """Videos of the Page."""

    items: list[VideoModel]


class LiveVideosModel(_Items):
    """Live videos of the Page, newest first."""

    items: list[LiveVideoModel]


class CommentsModel(_Items):
    """Comments, or replies to a comment."""

    items: list[CommentModel]


class GraphConversationsModel(_Items):
    """Conversations as Facebook has them, newest activity first."""

    items: list[GraphConversationModel]


class GraphMessagesModel(_Items):
    """Messages of a conversation as Facebook has them, newest first."""

    items: list[GraphMessageModel]


class NamedCustomerModel(CustomerModel):
    """A customer with the conversation in the request."""

    conversation_id: str


class FailedCustomerModel(ClosedModel):
    """A customer for whom Facebook gives no name."""

    conversation_id: str
    reason: str = Field(
        description="The same reasons as in a problem: `object_not_found`, `permission_missing`, `throttled`, …"
    )


class NamedCustomersModel(ClosedModel):
    """Several customers, in the order of the request."""

    items: list[NamedCustomerModel]
    failed: list[FailedCustomerModel] = Field(description="Empty if Facebook returns something about each customer.")


class CustomersModel(_Items):
    """One customer; `after` is null."""

    items: list[CustomerModel]
