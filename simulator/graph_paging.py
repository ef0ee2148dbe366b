"""Pure: one page of an edge, with cursors that reveal nothing.

A list ends where `next` is absent. A short or empty page is not the end
(developers.facebook.com/docs/graph-api/results). `next` is a complete address with the access token, as in Graph. It
has Facebook's own host, so that a test notices a client that follows it. Walks backwards (`before`) are not simulated.
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from simulator.graph_nodes import Node, rank_of
from simulator.graph_refusals import bad_parameter
from simulator.serialize import Document

DEFAULT_LIMIT = 25
MOST = 100

_Rank = tuple[int, int]
_BEYOND = 1 << 62
"""Greater than every node's number and every time."""


@dataclass(frozen=True, slots=True)
class Place:
    """The host, path and token from which the addresses in an answer are made."""

    version: str
    token: str

    def address(self, path: str, params: Mapping[str, object]) -> str:
        """Returns an address at Facebook, with the token."""
        query = urlencode({"access_token": self.token, "pretty": "0", **params})
        return f"https://graph.facebook.com/{self.version}/{path}?{query}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of a list that a call asks for. `since` and `until` are in seconds, and items of exactly these times
    belong to the part. `newest_first` reverses the order. With `gaps`, an empty page follows every page that has a next
    page.
    """

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    since: int | None = None
    until: int | None = None
    newest_first: bool = False
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list, and the cursors around it; `more` says whether there is a next page."""

    nodes: Sequence[Node]
    before: str | None
    after: str | None
    more: bool

    def paging(self, place: Place, path: str, params: Mapping[str, object]) -> Document | None:
        """Returns the `paging` of the answer, or None if there are no cursors."""
        if self.after is None:
            return None
        paging: Document = {"cursors": {"before": self.before, "after": self.after}}
        if self.more:
            paging["next"] = place.address(path, {**params, "after": self.after})
        return paging


def page_of(nodes: Sequence[Node], wanted: Wanted) -> Found:
    """Returns the requested part of the list. `nodes` must be in rising rank. Raises GraphErrorAnswer for an invalid
    cursor."""
    low = 0 if wanted.since is None else bisect_left(nodes, (wanted.since * 1000, 0), key=rank_of)
    high = len(nodes)
    if wanted.until is not None:
        high = bisect_right(nodes, (wanted.until * 1000 + 999, _BEYOND), key=rank_of)
    high = max(low, high)
    after, passed = (None, False) if wanted.after is None else _read(wanted.after)
    if after is not None and wanted.newest_first:
        high = max(low, min(high, bisect_left(nodes, after, key=rank_of)))
    elif after is not None:
        low = min(high, max(low, bisect_right(nodes, after, key=rank_of)))
    if after is not None and wanted.gaps and not passed and high > low:
        return Found((), wanted.after, _write(after, passed=True), more=True)
    if wanted.newest_first:
        chosen, more = nodes[max(low, high - wanted.limit) : high][::-1], high - wanted.limit > low
    else:
        chosen, more = nodes[low : min(high, low + wanted.limit)], low + wanted.limit < high
    if not chosen:
        return Found((), None, None, more=False)
    return Found(chosen, _write(chosen[0].rank), _write(chosen[-1].rank), more=more)


def cursor_before_all(number: int) -> str:
    """Returns a cursor after the end of a list that is newest first. Each number gives a different cursor."""
    return _write((-number, 0))


def _write(rank: _Rank, *, passed: bool = False) -> str:
    return base64.urlsafe_b64encode(f"{rank[0]}:{rank[1]}:{passed:d}".encode()).rstrip(b"=").decode()


def _read(cursor: str) -> tuple[_Rank, bool]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        moment, number, passed = text.split(":")
        return (int(moment), int(number)), passed == "1"
    except (binascii.Error, ValueError):
        raise bad_parameter("Invalid cursors values") from None
