"""Pure: Graph's answers to calls that have passed the checks: nodes, edges, a customer, a conversation.

Which permission each needs: developers.facebook.com/docs/graph-api/reference, and messenger-platform/conversations.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from simulator.graph_call import Call, on_page, only, permit
from simulator.graph_fields import Chosen, choose
from simulator.graph_nodes import Node, NodeType, Token
from simulator.graph_paging import DEFAULT_LIMIT, MOST, Place, Wanted, page_of
from simulator.graph_refusals import GraphErrorAnswer, bad_parameter, no_such_object
from simulator.graph_render import listed, newest_first, render, summary_of
from simulator.graph_world import World
from simulator.serialize import Document

_READ = ("pages_read_engagement",)
_READ_VISITORS = ("pages_read_engagement", "pages_read_user_content")
_INBOX = ("pages_messaging", "pages_manage_metadata", "pages_read_engagement")

_PERMISSIONS: dict[NodeType, tuple[int, tuple[str, ...]]] = {
    "Page": (10, ()),
    "PagePost": (10, _READ),
    "Video": (10, _READ),
    "LiveVideo": (10, _READ),
    "Comment": (10, _READ_VISITORS),
    "UnifiedThread": (200, _INBOX),
    "Message": (200, _INBOX),
    "User": (200, ("pages_messaging",)),
}
"""The error code when a node is refused, and the permissions that reading the node needs."""

_OF_POSTS = ("since", "until", "__paging_token", "include_hidden", "show_expired")

_EDGES: dict[tuple[str, str], tuple[str, tuple[str, ...], int, tuple[str, ...]]] = {
    ("Page", "published_posts"): (
        "PagePost",
        _OF_POSTS,
        10,
        _READ,
    ),
    ("Page", "posts"): ("PagePost", _OF_POSTS, 10, _READ),
    ("Page", "feed"): (
        "PagePost",
        _OF_POSTS,
        10,
        _READ_VISITORS,
    ),
    ("Page", "videos"): ("Video", ("type",), 10, (*_READ, "pages_show_list")),
    ("Page", "live_videos"): ("LiveVideo", ("broadcast_status", "type"), 10, (*_READ, "pages_show_list")),
    ("Page", "conversations"): ("UnifiedThread", ("platform", "user_id", "folder"), 200, _INBOX),
    ("UnifiedThread", "messages"): ("Message", (), 200, _INBOX),
    **{
        (node_type, "comments"): (
            "Comment",
            ("filter", "order", "summary", "since", "live_filter"),
            10,
            _READ_VISITORS,
        )
        for node_type in ("PagePost", "Video", "LiveVideo", "Comment")
    },
}
"""Maps node type and edge to the type of the listed nodes, the edge's parameters, the error code and the
permissions."""

LOW_QUALITY = "low quality"
"""Marks a comment in the fake's own notes; no field of Graph has this name."""

_POSTS = ("posts", "published_posts", "feed")


def node(world: World, call: Call, token: Token) -> Document:
    """`GET /{id}`: one node. Raises GraphRefused."""
    found = _object(world, call, token)
    only(call, "fields", "metadata")
    permit(token, *_PERMISSIONS[found.type])
    if found.type == "User":
        if world.customers == "refused":
            raise GraphErrorAnswer(100, "(#100) No profile available for this user.", subcode=2018218)
        if world.customers == "empty":
            return {}
    chosen = choose(found.type, call.params.get("fields"))
    if found.type == "Message" and found.above is not None and found.rank < _oldest_readable(world, found.above):
        raise GraphErrorAnswer(100, "(#100) The message you are trying to read has been deleted", subcode=2018001)
    return render(found, chosen, _place(call))


def edge(world: World, call: Call, token: Token) -> Document:
    """`GET /{id}/{edge}`: one page of a list. Raises GraphRefused."""
    found = _object(world, call, token)
    name = call.path[1]
    known = _EDGES.get((found.type, name))
    if known is None:
        raise bad_parameter(f"Tried accessing nonexisting field ({name}) on node type ({found.type})")
    listed_type, own, code, scopes = known
    only(call, "fields", "limit", "after", "before", *own)
    permit(token, code, scopes)
    chosen = choose(listed_type, call.params.get("fields"))
    wanted = _wanted(world, call, name)
    if token.type == "USER" and name == "comments":
        return {"data": []}  # a person's own token cannot read a Page's content
    if name == "videos":
        _videos_may_be_read(world, call)
    nodes = found.edges.get(listed(name, call.params.get("filter")), [])
    if name == "live_videos" and not world.live_videos_readable:
        raise bad_parameter("Reading is not possible on this edge")
    if name == "comments" and found.type in ("Video", "LiveVideo"):
        nodes = _not_filtered(nodes, call.params.get("live_filter", "filter_low_quality"))
    if name == "conversations":
        nodes = _conversations(world, found, nodes, call)
    page = page_of(nodes, wanted)
    answer: Document = {"data": _rendered(world, found, page.nodes, chosen, _place(call))}
    shown = {key: value for key, value in call.params.items() if key in ("fields", "filter", "order", *own)}
    paging = page.paging(_place(call), f"{found.id}/{name}", {**shown, "limit": wanted.limit})
    if paging is not None:
        answer["paging"] = paging
    if name == "comments" and call.params.get("summary", "false") not in ("false", "0", ""):
        answer["summary"] = summary_of(found, call.params.get("order"))
    return answer


def _object(world: World, call: Call, token: Token) -> Node:
    """Returns the object in the path, if the token may see it."""
    name = call.path[0]
    if name == "me" and token.profile is not None:
        name = token.profile
    found = world.objects.get(name)
    if found is None or not (on_page(token, found.page) or token.type == "USER"):
        raise no_such_object(name)
    if token.type == "USER" and found.type not in ("Page", "PagePost", "Video", "Comment"):
        raise GraphErrorAnswer(210, "(#210) A page access token is required to request this resource.", status=403)
    return found


def _wanted(world: World, call: Call, name: str) -> Wanted:
    params = call.params
    text = params.get("limit", str(DEFAULT_LIMIT))
    if not text.isascii() or not text.isdigit():
        raise bad_parameter("Param limit must be an integer")
    limit = int(text)
    if limit > MOST and name in _POSTS:
        raise bad_parameter(f"Please reduce the limit: at most {MOST} posts can be requested")
    return Wanted(
        min(limit, MOST),
        after=params.get("after"),
        before=params.get("before"),
        since=_seconds(params.get("since")),
        until=_seconds(params.get("until")),
        newest_first=newest_first(name, params.get("order")),
        gaps=world.empty_pages,
    )


def _seconds(text: str | None) -> int | None:
    """Reads Unix seconds or an ISO date. Facebook also reads the other forms of PHP's `strtotime`."""
    if text is None or (text.isascii() and text.isdigit()):
        return None if text is None else int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_parameter("Invalid date: neither Unix seconds nor a date") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _videos_may_be_read(world: World, call: Call) -> None:
    if not world.videos_readable:
        raise GraphErrorAnswer(3, "(#3) Application does not have the capability to make this API call.")
    if call.params.get("type", "tagged") not in ("uploaded", "tagged"):
        raise bad_parameter("Param type must be one of {TAGGED, UPLOADED}")


def _not_filtered(nodes: list[Node], live_filter: str) -> list[Node]:
    """Filters the comments of a live video: comments of low quality are listed only on request."""
    if live_filter not in ("filter_low_quality", "no_filter"):
        raise bad_parameter("Param live_filter must be one of {FILTER_LOW_QUALITY, NO_FILTER}")
    if live_filter == "no_filter":
        return nodes
    return [one for one in nodes if not one.document.get(LOW_QUALITY)]


def _conversations(world: World, page: Node, nodes: list[Node], call: Call) -> list[Node]:
    """Returns the conversations of Messenger, or the conversation with one person."""
    if call.params.get("platform", "messenger").lower() != "messenger":
        return []  # conversations of Instagram are not simulated
    if (psid := call.params.get("user_id")) is None:
        return nodes
    one = world.pages[page.id].conversations.get(psid)
    return [] if one is None else [one]


def _rendered(
    world: World, found: Node, nodes: Sequence[Node], chosen: Sequence[Chosen], place: Place
) -> list[Document]:
    """Returns the messages. Those that are too old to be read have no content."""
    if found.type != "UnifiedThread" or world.details_limit is None:
        return [render(one, chosen, place) for one in nodes]
    bare, oldest = choose("Message", None), _oldest_readable(world, found)
    return [render(one, bare if one.rank < oldest else chosen, place) for one in nodes]


def _oldest_readable(world: World, conversation: Node) -> tuple[int, int]:
    """Returns the rank of the oldest message of a conversation that still has its content."""
    messages = conversation.edges["messages"]
    if world.details_limit is None or len(messages) <= world.details_limit:
        return messages[0].rank
    return messages[-world.details_limit].rank


def _place(call: Call) -> Place:
    return Place(call.version or "", call.token or "")
