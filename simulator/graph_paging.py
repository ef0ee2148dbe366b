"""Pure: one page of an edge, with cursors that reveal nothing.

The end of a list is where `next` is absent; a short page, and even an empty one, is not the end
(developers.facebook.com/docs/graph-api/results). `next` and `previous` are whole addresses with the access token in
them, as Graph's are, and point at Facebook's own host: a client that follows such a link is noticed.
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
"""Above every node's number and every moment."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is given: what the addresses in it are made of."""

    version: str
    token: str

    def address(self, path: str, params: Mapping[str, object]) -> str:
        """An address at Facebook's, with the token in it."""
        query = urlencode({"access_token": self.token, "pretty": "0", **params})
        return f"https://graph.facebook.com/{self.version}/{path}?{query}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a list. `since` and `until` in seconds, both included; `newest_first` walks it backwards.

    `gaps` puts an empty page after every page that has a next one.
    """

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    before: str | None = None
    since: int | None = None
    until: int | None = None
    newest_first: bool = False
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list, and the cursors around it; `more` and `earlier` say whether there is another page."""

    nodes: Sequence[Node]
    before: str | None
    after: str | None
    more: bool
    earlier: bool

    def paging(self, place: Place, path: str, params: Mapping[str, object]) -> Document | None:
        """The `paging` of the answer; None when there is nothing to tell."""
        if self.after is None:
            return None
        paging: Document = {"cursors": {"before": self.before, "after": self.after}}
        if self.more:
            paging["next"] = place.address(path, {**params, "after": self.after})
        if self.earlier:
            paging["previous"] = place.address(path, {**params, "before": self.before})
        return paging


def page_of(nodes: Sequence[Node], wanted: Wanted) -> Found:
    """The part of the list that is wanted; `nodes` in rising rank. Raises GraphRefused for a cursor that is none."""
    low = 0 if wanted.since is None else bisect_left(nodes, (wanted.since * 1000, 0), key=rank_of)
    high = len(nodes)
    if wanted.until is not None:
        high = bisect_right(nodes, (wanted.until * 1000 + 999, _BEYOND), key=rank_of)
    first, end = low, max(low, high)
    after, passed = (None, False) if wanted.after is None else _read(wanted.after)
    before = None if wanted.before is None else _read(wanted.before)[0]
    above, below = (before, after) if wanted.newest_first else (after, before)
    if above is not None:
        low = min(end, max(low, bisect_right(nodes, above, key=rank_of)))
    if below is not None:
        high = max(low, min(high, bisect_left(nodes, below, key=rank_of)))
    # Going back, the page is the part next to the cursor, which is the other end of what is left.
    if wanted.newest_first == (before is None):
        low = max(low, high - wanted.limit)
    else:
        high = min(high, low + wanted.limit)
    if wanted.gaps and after is not None and not passed and high > low:
        return Found((), wanted.after, _write(after, passed=True), more=True, earlier=True)
    chosen = nodes[low:high]
    ahead, behind = high < end, low > first
    if wanted.newest_first:
        chosen, ahead, behind = chosen[::-1], behind, ahead
    if not chosen:
        return Found((), None, None, more=False, earlier=False)
    return Found(chosen, _write(chosen[0].rank), _write(chosen[-1].rank), more=ahead, earlier=behind)


def cursor_before_all(number: int) -> str:
    """A cursor behind which a list that is newest first has nothing; another one for each number."""
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
