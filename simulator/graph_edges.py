"""Pure: Graph's answers to calls that have passed the checks: nodes, edges, a customer, a conversation.

Which permission each needs: developers.facebook.com/docs/graph-api/reference, and messenger-platform/conversations.
"""

from simulator.graph_call import Call, on_page, only, permit
from simulator.graph_fields import choose
from simulator.graph_nodes import Node, NodeType, Token
from simulator.graph_paging import DEFAULT_LIMIT, MOST, Place, Wanted, page_of
from simulator.graph_refusals import GraphErrorAnswer, bad_parameter, no_such_object
from simulator.graph_render import render
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

_EDGES: dict[tuple[str, str], tuple[str, tuple[str, ...], int, tuple[str, ...]]] = {
    ("Page", "published_posts"): ("PagePost", ("since", "until", "__paging_token"), 10, _READ),
    ("Page", "videos"): ("Video", ("type",), 10, (*_READ, "pages_show_list")),
    ("Page", "live_videos"): ("LiveVideo", (), 10, (*_READ, "pages_show_list")),
    ("Page", "conversations"): ("UnifiedThread", ("platform", "user_id"), 200, _INBOX),
    ("UnifiedThread", "messages"): ("Message", (), 200, _INBOX),
    **{
        (node_type, "comments"): ("Comment", ("filter", "order", "since", "live_filter"), 10, _READ_VISITORS)
        for node_type in ("PagePost", "Video", "LiveVideo", "Comment")
    },
}
"""Maps node type and edge to the type of the listed nodes, the edge's parameters, the error code and the
permissions."""

_ORDERS = ("chronological", "reverse_chronological")
_FILTERS = ("toplevel", "stream")

_NEWEST_FIRST = frozenset({"messages", "conversations", "published_posts", "videos", "live_videos"})

LOW_QUALITY = "low quality"
"""Marks a comment in the simulator's own notes. No field of Graph has this name."""


def node(world: World, call: Call, token: Token) -> Document:
    """`GET /{id}`: one node. Raises GraphErrorAnswer."""
    found = _object(world, call, token)
    only(call, "fields", "metadata")
    permit(token, *_PERMISSIONS[found.type])
    if found.type == "User":
        if world.customers == "refused":
            raise GraphErrorAnswer(100, "(#100) No profile available for this user.", subcode=2018218)
        if world.customers == "empty":
            return {}
    chosen = choose(found.type, call.params.get("fields"))
    return render(found, chosen, _place(call))


def edge(world: World, call: Call, token: Token) -> Document:
    """`GET /{id}/{edge}`: one page of a list. Raises GraphErrorAnswer."""
    found = _object(world, call, token)
    name = call.path[1]
    known = _EDGES.get((found.type, name))
    if known is None:
        raise bad_parameter(f"Tried accessing nonexisting field ({name}) on node type ({found.type})")
    listed_type, own, code, scopes = known
    only(call, "fields", "limit", "after", *own)
    permit(token, code, scopes)
    chosen = choose(listed_type, call.params.get("fields"))
    wanted = _wanted(world, call, name)
    if name == "videos":
        _videos_may_be_read(world, call)
    nodes = found.edges.get(_listed(name, call.params.get("filter")), [])
    if name == "live_videos" and not world.live_videos_readable:
        raise bad_parameter("Reading is not possible on this edge")
    if name == "comments" and found.type in ("Video", "LiveVideo"):
        nodes = _not_filtered(nodes, call.params.get("live_filter", "filter_low_quality"))
    if name == "conversations":
        nodes = _conversations(world, found, nodes, call)
    page = page_of(nodes, wanted)
    answer: Document = {"data": [render(one, chosen, _place(call)) for one in page.nodes]}
    shown = {key: value for key, value in call.params.items() if key in ("fields", "filter", "order", *own)}
    paging = page.paging(_place(call), f"{found.id}/{name}", {**shown, "limit": wanted.limit})
    if paging is not None:
        answer["paging"] = paging
    return answer


def _object(world: World, call: Call, token: Token) -> Node:
    """Returns the object in the path, if the token may see it."""
    name = call.path[0]
    if name == "me" and token.profile is not None:
        name = token.profile
    found = world.objects.get(name)
    if found is None or not on_page(token, found.page):
        raise no_such_object(name)
    return found


def _wanted(world: World, call: Call, name: str) -> Wanted:
    params = call.params
    limit = _number("limit", params.get("limit", str(DEFAULT_LIMIT)))
    if limit > MOST and name == "published_posts":
        raise bad_parameter(f"Please reduce the limit: at most {MOST} posts can be requested")
    return Wanted(
        min(limit, MOST),
        after=params.get("after"),
        since=_number("since", params["since"]) if "since" in params else None,
        until=_number("until", params["until"]) if "until" in params else None,
        newest_first=_newest_first(name, params.get("order")),
        gaps=world.empty_pages,
    )


def _newest_first(edge: str, order: str | None) -> bool:
    """Returns True if an edge lists the newest node first. Comments are listed from the oldest by default. Raises
    GraphErrorAnswer."""
    if order is None:
        return edge in _NEWEST_FIRST
    if order not in _ORDERS:
        raise bad_parameter(f"Param order must be one of {_ORDERS}")
    return order == "reverse_chronological"


def _listed(edge: str, chosen_filter: str | None) -> str:
    """Returns the nodes that an edge lists with this filter. Raises GraphErrorAnswer."""
    if chosen_filter not in (None, *_FILTERS):
        raise bad_parameter(f"Param filter must be one of {_FILTERS}")
    return "stream" if chosen_filter == "stream" else edge


def _number(name: str, text: str) -> int:
    """Reads a limit, or a time in Unix seconds. Facebook also reads dates; they are not simulated."""
    if not text.isascii() or not text.isdigit():
        raise bad_parameter(f"Param {name} must be an integer")
    return int(text)


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


def _place(call: Call) -> Place:
    return Place(call.version or "", call.token or "")
