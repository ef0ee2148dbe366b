"""Pure: the requests to Graph, their fields, and the budget of each call.

Every call names its fields. Without names Graph returns very few fields. If the Graph version does not have a named
field, the whole call fails. E-mail addresses are never requested. Videos can need a search among posts: `videos.py`.
https://developers.facebook.com/docs/graph-api/reference: page/published_posts, page/videos, page/live_videos,
object/comments, page/conversations, conversation/messages, page/subscribed_apps, debug_token
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from domain.graph import Edge, GraphQuery, Limit
from domain.ids import PageId
from domain.secret import Secret
from graph_client.errors import GraphError, ParameterRefused, ProofRefused, TokenDead
from graph_client.places import place_params
from graph_client.videos import other_place, video_place, write_video_place
from graph_client.wire import Ask

MOST_ITEMS: Final = 100
"""Limit: items on one page that Graph is asked for. For posts, Facebook refuses a higher number. For other items
Facebook returns fewer items, without an error. If Facebook refuses a page as too large, half as many items are
requested (retry.py).
"""

_PAIR_SECONDS: Final = 0.5
"""Seconds between two calls for conversations. Facebook allows two such calls per second and Page
(graph-api/overview/rate-limiting).
"""

_MEDIA: Final = "media_type,type,title,description,url,media,target{id,url}"

POST_FIELDS: Final = (
    "id,message,story,created_time,updated_time,permalink_url,full_picture,status_type,shares,"
    f"attachments{{{_MEDIA},subattachments{{{_MEDIA}}}}},"
    # Only the counts are requested, not who commented and reacted.
    "comments.limit(0).summary(true),reactions.limit(0).summary(total_count)"
)
"""The content of a post, and the reactions to it. `link`, `source`, `name` and similar fields ended with v3.3.
"""

VIDEO_FIELDS: Final = "id,title,description,created_time,updated_time,length,permalink_url,picture,source"
"""Graph returns `source` for the Page's own admins only."""

LIVE_VIDEO_FIELDS: Final = (
    "id,status,title,description,creation_time,broadcast_start_time,live_views,permalink_url,video{id}"
)
"""`stream_url` and similar fields are not requested, because a person with such an address can broadcast as the Page.
"""

LIVE_AMONG_VIDEOS_FIELDS: Final = "id,title,description,created_time,permalink_url,live_status"

VIDEO_POST_FIELDS: Final = (
    "id,message,created_time,updated_time,permalink_url,full_picture,"
    f"attachments{{{_MEDIA},subattachments{{{_MEDIA}}}}}"
)
"""The fields of a post that describe its videos (`videos.py` reads them)."""

COMMENT_FIELDS: Final = (
    "id,message,created_time,from{id,name},parent{id},attachment,comment_count,like_count,is_hidden,is_private,"
    "permalink_url"
)
"""`attachment` describes a comment without text: a sticker or a photo."""

CONVERSATION_FIELDS: Final = "id,link,updated_time,snippet,message_count,unread_count,can_reply,participants{id,name}"

ATTACHMENT_FIELDS: Final = (
    "id,attachments{id,mime_type,name,size,file_url,image_data,video_data,generic_template},"
    # Graph returns the parts of a share only if they are named.
    "shares{id,link,name,description},sticker"
)
"""The content of a message besides its text."""

MESSAGE_FIELDS: Final = (
    f"{ATTACHMENT_FIELDS},created_time,message,from{{id,name}},to{{id,name}},reply_to,is_unsupported"
)

CUSTOMER_FIELDS: Final = "id,name,profile_pic"
"""The fields that Business Asset User Profile Access allows."""

HISTORY_CONVERSATION_FIELDS: Final = "id,updated_time"
"""The fields that show whether a conversation has anything new. Messages are requested in calls of their own, because
Graph refuses to return all of it in one call.
"""

HISTORY_MESSAGE_FIELDS: Final = MESSAGE_FIELDS.replace("{id,name}", "{id}")
"""The fields that a webhook has: ids, but no names."""


def limit_of(edge: Edge) -> Limit:
    """Returns the budget to which a call of this edge is charged."""
    return "messenger" if edge in {"conversations", "conversation_messages", "attachments", "customer"} else "pages"


def spacing_of(edge: Edge) -> float:
    """Returns the seconds that Facebook demands between two calls of this edge for one Page, or 0.0."""
    return _PAIR_SECONDS if edge in {"conversations", "conversation_messages", "attachments"} else 0.0


def ask_for(query: GraphQuery) -> Ask:
    """Returns the request for one list page of an edge.

    Raises:
        ParameterRefused: the service did not make the cursor of videos, or the object is not an id.
    """
    page, of = query.page, _object_id(query)
    match query.edge:
        case "posts":
            return _list(query, (page, "published_posts"), POST_FIELDS, query.after, **_times(query))
        case "videos":
            place = video_place(query.edge, query.after)
            if place.of == "posts":
                return _list(query, (page, "published_posts"), VIDEO_POST_FIELDS, place.after)
            return _list(query, (page, "videos"), VIDEO_FIELDS, place.after, type="uploaded")
        case "live_videos":
            place = video_place(query.edge, query.after)
            if place.of == "videos":
                return _list(query, (page, "videos"), LIVE_AMONG_VIDEOS_FIELDS, place.after, type="uploaded")
            return _list(query, (page, "live_videos"), LIVE_VIDEO_FIELDS, place.after)
        case "comments" | "replies" | "live_comments":
            more = {name: moment for name, moment in _times(query).items() if name == "since"}
            if query.edge == "live_comments":
                # By default Facebook leaves out comments of "low quality". A buyer's "A1" may be such a comment.
                more["live_filter"] = "no_filter"
            return _list(query, (of, "comments"), COMMENT_FIELDS, query.after, **_how(query), **more)
        case "conversations":
            one = {"user_id": of} if of else {}
            return _list(query, (page, "conversations"), CONVERSATION_FIELDS, query.after, platform="messenger", **one)
        case "conversation_messages":
            return _list(query, (of, "messages"), MESSAGE_FIELDS, query.after)
        case "attachments":
            return Ask("GET", (of,), {"fields": ATTACHMENT_FIELDS}, limit=limit_of(query.edge))
        case "customer":
            return Ask("GET", (of,), {"fields": CUSTOMER_FIELDS}, limit=limit_of(query.edge))


def fallback_query(query: GraphQuery, error: GraphError) -> GraphQuery | None:
    """Returns the request for another list if the edge of videos or live videos refuses (`videos.py`). Returns None for
    other refusals.

    The reference of v26.0 says that the videos of a Page cannot be read. Facebook's own SDK still generates the call.
    The refusal has code 3, 10 or 100 (with any subcode), unless Facebook refuses the proof or the token. The other list
    is used only from its beginning, because a cursor of one list has no meaning in the other list.
    """
    refused = error.code in {3, 10, 100} and not isinstance(error, ProofRefused | TokenDead)
    other = other_place(query.edge)
    if other is None or query.after is not None or not refused:
        return None
    return replace(query, after=write_video_place(other))


def conversation_with(page: PageId, customer: str) -> Ask:
    """Returns the request for the conversation with one person and its participants."""
    params = {"fields": "id,participants{id,name}", "platform": "messenger", "user_id": customer}
    return Ask("GET", (page, "conversations"), params, lists=True, limit="messenger")


def history_ask(query: GraphQuery) -> Ask:
    """Returns the request for one list page of conversations, or of a conversation's messages, with the fields for
    healing. Both edges ignore the time parameters and return the newest items first.
    """
    if query.edge == "conversations":
        fields = HISTORY_CONVERSATION_FIELDS
        return _list(query, (query.page, "conversations"), fields, query.after, platform="messenger")
    return _list(query, (query.object or "", "messages"), HISTORY_MESSAGE_FIELDS, query.after)


def debug_token(token: Secret) -> Ask:
    """Returns the request for a token's owner and permissions. The call uses the app's own token.

    This is the only call with a token in its address, because Facebook documents no other form. This is also the only
    call without `fields`, because its reference has no such parameter.
    """
    return Ask("GET", ("debug_token",), {"input_token": token.reveal()})


def me() -> Ask:
    """Returns the request for a token's owner. For a Page's token, the owner is the Page."""
    return Ask("GET", ("me",), {"fields": "id"})


def subscribe(page: PageId, fields: Sequence[str]) -> Ask:
    """Returns the request that subscribes to these webhook fields. It replaces the whole list, so `fields`
    must be complete.
    """
    return Ask("POST", (page, "subscribed_apps"), form={"subscribed_fields": ",".join(fields)})


def unsubscribe(page: PageId) -> Ask:
    """Returns the request that ends all deliveries."""
    return Ask("DELETE", (page, "subscribed_apps"))


def subscription(page: PageId) -> Ask:
    """Returns the request for the apps that are subscribed to the Page, and the fields of each app."""
    return Ask("GET", (page, "subscribed_apps"), {"fields": "id,subscribed_fields"}, lists=True)


def _object_id(query: GraphQuery) -> str:
    """Returns the id of the object with the edge, or "" for the Page's own edges.

    Every id of Facebook has a digit. Words without a digit (`me`, `debug_token`) are Graph's own addresses, which
    callers must not reach.
    """
    of = query.object
    if of is not None and not any("0" <= character <= "9" for character in of):
        raise ParameterRefused(sentence="This is not an id of Facebook's.")
    return of or ""


def _list(query: GraphQuery, path: tuple[str, ...], fields: str, after: str | None, **more: str) -> Ask:
    params = {"fields": fields, "limit": str(max(1, min(query.limit, MOST_ITEMS))), **more}
    if after is not None:
        params |= place_params(after)
    return Ask("GET", path, params, lists=True, limit=limit_of(query.edge))


def _times(query: GraphQuery) -> dict[str, str]:
    """Returns the parameters for times, in Unix seconds, rounded down."""
    sent = {"since": query.since, "until": query.until}
    return {name: str(moment // 1000) for name, moment in sent.items() if moment is not None}


def _how(query: GraphQuery) -> dict[str, str]:
    sent = {"order": query.order, "filter": query.filter}
    return {name: value for name, value in sent.items() if value is not None}
