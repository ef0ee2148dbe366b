"""Pure: makes answers from nodes. An answer has the chosen fields that exist."""

from collections.abc import Sequence
from typing import Any

from simulator.graph_fields import Chosen
from simulator.graph_nodes import Node
from simulator.graph_paging import DEFAULT_LIMIT, Place
from simulator.serialize import Document

_PAGED = frozenset({"attachments", "shares"})
"""Lists of a message that have their own `paging`, with the token."""


def render(node: Node, chosen: Sequence[Chosen], place: Place) -> Document:
    """Returns a node with its `id` and the chosen fields that exist."""
    document = node.document
    answer: Document = {}
    for one in chosen:
        name = one.name
        if one.form == "plain":
            if name in document:
                answer[name] = document[name]
        elif one.form == "tally":
            answer[name] = _tally(node, one)
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


def _tally(node: Node, chosen: Chosen) -> Document:
    """Returns the number of comments or reactions. The list itself is always empty. The number of comments includes
    replies and comments that the caller cannot see.
    """
    if not chosen.summary:
        return {"data": []}
    if chosen.name == "comments":
        total = len(node.edges.get("stream", ()))
        return {"data": [], "summary": {"order": "ranked", "total_count": total, "can_comment": True}}
    return {"data": [], "summary": {"total_count": node.document.get(chosen.name, 0), "viewer_reaction": "NONE"}}


def _paging_of_a_list(node: Node, chosen: Chosen, place: Place) -> Document:
    return {
        "cursors": {"before": "MAZDZD", "after": "MAZDZD"},
        "next": place.address(f"{node.id}/{chosen.name}", {"limit": DEFAULT_LIMIT, "after": "MAZDZD"}),
    }
