"""Pure: makes answers from nodes. An answer has the chosen fields that exist, and the edges inside have their own
`paging`."""

from collections.abc import Sequence
from typing import Any

from simulator.graph_fields import Chosen
from simulator.graph_nodes import Node
from simulator.graph_paging import DEFAULT_LIMIT, MOST, Place, Wanted, page_of
from simulator.graph_refusals import bad_parameter
from simulator.serialize import Document

ORDERS = ("chronological", "reverse_chronological")
FILTERS = ("toplevel", "stream")

_NEWEST_FIRST = frozenset({"messages", "conversations", "posts", "feed", "published_posts", "videos", "live_videos"})
_PAGED = frozenset({"attachments", "shares"})
"""Lists of a message that have their own `paging`, with the token."""


def newest_first(edge: str, order: str | None) -> bool:
    """Returns whether an edge is listed from the newest. Comments are listed from the oldest by default. Raises
    GraphRefused."""
    if order is None:
        return edge in _NEWEST_FIRST
    if order not in ORDERS:
        raise bad_parameter(f"Param order must be one of {ORDERS}")
    return order == "reverse_chronological"


def listed(edge: str, chosen_filter: str | None) -> str:
    """Returns the nodes that an edge lists with this filter. Raises GraphRefused."""
    if chosen_filter not in (None, *FILTERS):
        raise bad_parameter(f"Param filter must be one of {FILTERS}")
    return "stream" if chosen_filter == "stream" else edge


def summary_of(node: Node, order: str | None = None) -> Document:
    """Returns the `summary` of a node's comments. The number includes replies and comments that the caller cannot
    see."""
    return {
        "order": order or "ranked",
        "total_count": len(node.edges.get("stream", ())),
        "can_comment": True,
    }


def render(node: Node, chosen: Sequence[Chosen], place: Place) -> Document:
    """Returns a node with its `id` and the chosen fields that exist."""
    document = node.document
    answer: Document = {}
    for one in chosen:
        name = one.name
        if one.form == "plain":
            if name in document:
                answer[name] = document[name]
        elif one.form == "edge":
            if (edge := _edge(node, one, place)) is not None:
                answer[name] = edge
        elif one.form == "tally":
            answer[name] = _tally(document.get(name, 0), one)
        elif name in document:
            answer[name] = _inside(document[name], one)
            if name in _PAGED and node.type == "Message":
                answer[name]["paging"] = _paging_of_a_list(node, one, place)
    answer["id"] = node.id
    return answer


def _inside(value: Any, chosen: Chosen) -> Any:
    if chosen.form != "list":
        return _part(value, chosen.inner)
    # A list inside a list is already stored in Graph's form.
    parts = value["data"] if isinstance(value, dict) else value
    return {"data": [_part(part, chosen.inner) for part in parts]}


def _part(value: Document, inner: Sequence[Chosen]) -> Document:
    """Returns an object that is not a node, with the chosen fields, or with all fields if none were chosen."""
    if not inner:
        return value
    answer: Document = {"id": value["id"]} if "id" in value else {}
    for one in inner:
        if one.name in value:
            answer[one.name] = value[one.name] if one.form == "plain" else _inside(value[one.name], one)
    return answer


def _edge(node: Node, chosen: Chosen, place: Place) -> Document | None:
    nodes = node.edges.get(listed(chosen.name, chosen.filter), [])
    limit = DEFAULT_LIMIT if chosen.limit is None else min(chosen.limit, MOST)
    if not nodes and not chosen.summary:
        return None  # Graph leaves out an empty list
    answer: Document = {"data": []}
    if limit:
        found = page_of(nodes, Wanted(limit, newest_first=newest_first(chosen.name, chosen.order)))
        answer["data"] = [render(one, chosen.inner, place) for one in found.nodes]
        if paging := found.paging(place, f"{node.id}/{chosen.name}", {"limit": limit}):
            answer["paging"] = paging
    if chosen.summary:
        answer["summary"] = summary_of(node, chosen.order)
    return answer


def _tally(number: int, chosen: Chosen) -> Document:
    """Returns the number of reactions. The list of people is always empty."""
    if not chosen.summary:
        return {"data": []}
    return {"data": [], "summary": {"total_count": number, "viewer_reaction": "NONE"}}


def _paging_of_a_list(node: Node, chosen: Chosen, place: Place) -> Document:
    return {
        "cursors": {"before": "MAZDZD", "after": "MAZDZD"},
        "next": place.address(f"{node.id}/{chosen.name}", {"limit": DEFAULT_LIMIT, "after": "MAZDZD"}),
    }
