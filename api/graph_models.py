"""Models of what is fetched from Facebook. They document shapes that are Facebook's own and may have more fields.

Facebook leaves out fields without data, and fields that the Page's token may not see: all but `id` may be absent. Lists
inside an item are plain lists. Times are RFC 3339 in UTC with milliseconds. Numbers too large for JavaScript are texts.
developers.facebook.com/docs/graph-api/reference: page/feed, page/videos, live-video, object/comments,
page/conversations, message
"""

from typing import Annotated, Any

from msgspec import Struct, field

from api.models import Moment
from api.shapes import ABSENT, Absent, about

_EXPIRING = "Stops working after a while."


class _Item(Struct, kw_only=True):
    """Facebook may add fields."""

    partial: Annotated[bool | Absent, about("true if the whole item is too large for one answer of Facebook.")] = ABSENT
    missing: Annotated[list[str] | Absent, about("The fields that a `partial` item lacks.")] = ABSENT


class _Answer(Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of a list."""

    after: Annotated[
        str | None, about("The `after` of the next page. Only null is the end: a short or empty page is not.")
    ]


# `from` is a reserved word of Python. These fields are called `author` here and keep their name in the API.


class PersonModel(_Item):
    """A person or a Page, if Facebook says who it is."""

    id: Annotated[str | Absent, about("A person's id is valid for this Page, and is the same as in messages.")] = ABSENT
    name: str | Absent = ABSENT


class ReferenceModel(_Item):
    """Another object at Facebook."""

    id: str


class PostAttachmentModel(_Item):
    """A picture, a video or a link of a post. An album has its attachments in `subattachments`."""

    media_type: Annotated[str | Absent, about("`photo`, `video`, `album`, `link`, …")] = ABSENT
    type: str | Absent = ABSENT
    title: str | Absent = ABSENT
    description: str | Absent = ABSENT
    url: str | Absent = ABSENT
    media: Annotated[dict[str, Any] | Absent, about("Its picture and sizes, in Facebook's form.")] = ABSENT
    target: Annotated[dict[str, Any] | Absent, about("The shown object: `id` of the photo or video.")] = ABSENT
    subattachments: list[dict[str, Any]] | Absent = ABSENT


class PostModel(_Item):
    """A published post of the Page."""

    id: Annotated[str, about("`{page}_{post}`.")]
    message: Annotated[str | Absent, about("Absent if the post has only pictures.")] = ABSENT
    story: str | Absent = ABSENT
    created_time: Moment | Absent = ABSENT
    updated_time: Moment | Absent = ABSENT
    permalink_url: str | Absent = ABSENT
    full_picture: Annotated[str | Absent, about(_EXPIRING)] = ABSENT
    status_type: str | Absent = ABSENT
    attachments: list[PostAttachmentModel] | Absent = ABSENT
    comment_count: int | Absent = ABSENT
    reaction_count: int | Absent = ABSENT
    share_count: Annotated[int | Absent, about("Includes shares that are not visible.")] = ABSENT


class VideoModel(_Item):
    """A video of the Page. If Facebook does not list videos, the fields come from the Page's posts."""

    id: str
    title: str | Absent = ABSENT
    description: str | Absent = ABSENT
    created_time: Moment | Absent = ABSENT
    updated_time: Moment | Absent = ABSENT
    length: Annotated[float | Absent, about("Seconds.")] = ABSENT
    permalink_url: Annotated[str | Absent, about("Facebook gives a path here, without a host.")] = ABSENT
    picture: Annotated[str | Absent, about(_EXPIRING)] = ABSENT
    source: Annotated[str | Absent, about(f"The file. {_EXPIRING}")] = ABSENT


class LiveVideoModel(_Item):
    """A live video of the Page: planned, running or finished."""

    id: Annotated[str, about("The event `live_videos` of the stream has this id as `video_id`.")]
    status: Annotated[str | Absent, about("`LIVE` while the video runs, and `LIVE_STOPPED`, `VOD`, … afterwards.")] = (
        ABSENT
    )
    title: str | Absent = ABSENT
    description: str | Absent = ABSENT
    creation_time: Moment | Absent = ABSENT
    broadcast_start_time: Moment | Absent = ABSENT
    live_views: Annotated[int | Absent, about("People who watch now.")] = ABSENT
    permalink_url: Annotated[str | Absent, about("Facebook gives a path here, without a host.")] = ABSENT
    video: Annotated[ReferenceModel | Absent, about("The video of the recording.")] = ABSENT


class CommentModel(_Item):
    """A comment on a post, or a reply to a comment."""

    id: str
    message: Annotated[str | Absent, about("Empty if the comment is a sticker or a photo: see `attachment`.")] = ABSENT
    created_time: Moment | Absent = ABSENT
    author: Annotated[PersonModel | Absent, about("Absent if Facebook does not say.")] = field(
        default=ABSENT, name="from"
    )
    parent: Annotated[ReferenceModel | Absent, about("The comment that is answered.")] = ABSENT
    attachment: dict[str, Any] | Absent = ABSENT
    comment_count: Annotated[
        int | Absent, about("The number of replies, including those that the Page's token may not see.")
    ] = ABSENT
    like_count: int | Absent = ABSENT
    is_hidden: bool | Absent = ABSENT
    is_private: bool | Absent = ABSENT
    permalink_url: str | Absent = ABSENT


class GraphConversationModel(_Item):
    """A conversation as Facebook has it. It can be older than the five days kept here."""

    id: Annotated[str, about("Facebook's own id, `t_…`. It differs from the `conversation_id` of a kept message.")]
    updated_time: Moment | Absent = ABSENT
    link: Annotated[str | Absent, about("Its address in the Page's inbox at Facebook.")] = ABSENT
    snippet: Annotated[str | Absent, about("The beginning of its last message.")] = ABSENT
    message_count: int | Absent = ABSENT
    unread_count: int | Absent = ABSENT
    participants: list[PersonModel] | Absent = ABSENT
    can_reply: bool | Absent = ABSENT


class GraphMessageModel(_Item):
    """A message as Facebook has it. Facebook may give only the id of messages before the newest twenty."""

    id: str
    created_time: Moment | Absent = ABSENT
    message: Annotated[str | Absent, about("Empty if there are only attachments.")] = ABSENT
    author: PersonModel | Absent = field(default=ABSENT, name="from")
    to: list[PersonModel] | Absent = ABSENT
    attachments: Annotated[
        list[dict[str, Any]] | Absent, about("Each has `image_data`, `video_data` or `file_url`, in Facebook's form.")
    ] = ABSENT
    shares: list[dict[str, Any]] | Absent = ABSENT
    sticker: str | Absent = ABSENT
    reply_to: dict[str, Any] | Absent = ABSENT
    is_unsupported: Annotated[
        bool | Absent, about("Facebook shows the message to people, but does not give its content.")
    ] = ABSENT


class AddressModel(_Item):
    """An attachment of a message, as Facebook has it now."""

    type: Annotated[str, about("As in the message: `image`, `video`, `audio`, `file`, `sticker`, `fallback`.")]
    url: Annotated[str, about(f"The file's address. {_EXPIRING}")]


class CustomerModel(_Item):
    """A person who wrote to the Page; only `id` if Facebook says no more.

    If Facebook refuses the profile, the name comes from the conversation, without a picture.
    """

    id: str
    name: str | Absent = ABSENT
    profile_pic: Annotated[str | Absent, about(f"The picture's address. {_EXPIRING}")] = ABSENT


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
    """Comments, or replies to a comment."""

    items: list[CommentModel]


class GraphConversationsModel(_Answer):
    """Conversations as Facebook has them, newest activity first."""

    items: list[GraphConversationModel]


class GraphMessagesModel(_Answer):
    """Messages of a conversation as Facebook has them, newest first."""

    items: list[GraphMessageModel]


class NamedCustomerModel(CustomerModel, kw_only=True):
    """A customer with the conversation in the request."""

    conversation_id: str


class FailedCustomerModel(Struct):
    """A customer about whom Facebook returns nothing."""

    conversation_id: str
    reason: Annotated[
        str, about("The same reasons as in a problem: `object_not_found`, `permission_missing`, `throttled`, …")
    ]


class NamedCustomersModel(Struct):
    """Several customers, in the order of the request."""

    items: list[NamedCustomerModel]
    failed: Annotated[list[FailedCustomerModel], about("Empty if Facebook returns something about each customer.")]


class CustomersModel(_Answer):
    """One customer; `after` is null."""

    items: list[CustomerModel]
