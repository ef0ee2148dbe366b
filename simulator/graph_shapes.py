"""Pure: the unusual lists of Graph that bug trackers report: without an end, without cursors, with an item that is too
large.

Each function returns a fault for `Faults.script(path, ..., times=None)`. A fault changes the answer, and does not
depend on the client.
"""

from datetime import datetime
from typing import Any

from simulator.graph_faults import Alters
from simulator.graph_paging import cursor_before_all
from simulator.serialize import Document

_NEXT = "https://graph.facebook.com/v26.0/next?access_token=EAAinTheAddress&limit=25"


def same_cursor(*, rows: bool) -> Alters:
    """A list that sends the cursor of its first answer again and again: with the `rows` of its first answer, or with an
    empty page.
    """
    first: dict[str, Any] = {}

    def change(document: Document) -> Document:
        if not first and document["data"]:
            first.update(document)
            return _going_on(document, document["paging"]["cursors"]["after"])
        if not first:
            return document
        shown = first["data"] if rows else []
        return _going_on({**document, "data": shown}, first["paging"]["cursors"]["after"])

    return Alters(change)


def new_cursors() -> Alters:
    """A list whose items are followed by empty pages without an end, each with a new cursor."""
    sent = 0

    def change(document: Document) -> Document:
        nonlocal sent
        if "next" in document.get("paging", {}):
            return document
        sent += 1
        return _going_on(document, cursor_before_all(sent))

    return Alters(change)


def without_cursors() -> Alters:
    """`paging` has only addresses. The cursor is in `next`, as `after`."""

    def change(document: Document) -> Document:
        paging = document.get("paging", {})
        if "cursors" in paging:
            document["paging"] = {name: address for name, address in paging.items() if name != "cursors"}
        return document

    return Alters(change)


def by_time() -> Alters:
    """`paging` as feed-like edges have it: `next` with `until` and `__paging_token`, and no cursors."""

    def change(document: Document) -> Document:
        paging, rows = document.get("paging", {}), document["data"]
        if "next" in paging and rows:
            until = _seconds(rows[-1]["created_time"]) - 1
            document["paging"] = {"next": f"{_NEXT}&until={until}&__paging_token=enc_AdC"}
        else:
            document.pop("paging", None)
        return document

    return Alters(change)


def _going_on(document: Document, after: str) -> Document:
    paging = {"cursors": {"before": after, "after": after}, "next": f"{_NEXT}&after={after}"}
    return {**document, "paging": paging}


def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())
