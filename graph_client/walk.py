"""Pure: a walk through a list of Graph, one list page at a time, that always ends.

Graph ends a list by leaving out `paging.next`. Some lists never ended: Graph repeated the same cursor, or sent new
cursors with empty pages. A short or an empty page alone is not the end
(developers.facebook.com/docs/graph-api/results).
"""

from typing import Any, Final

from domain.heal import CutReason

NOTHING_NEW_PAGES: Final = 8
"""List pages in a row without a new item, after which a list counts as endless. Privacy filters can empty a page or
two.
"""


class Walk:
    """The position of a walk. `after` is the cursor of the next list page. Set it to the first place, or to None for
    the beginning.

    `cut` says why the walk ended before the list did. It is None while the walk continues, and if the list ended
    normally.
    """

    after: str | None
    ended: bool
    cut: CutReason | None

    def __init__(self, after: str | None = None, *, most_pages: int) -> None:
        self.after = after
        self.ended = False
        self.cut = None
        self._pages_left = most_pages
        self._cursors = {after}
        self._ids: set[str] = set()
        self._pages_without_new = 0

    def take(self, rows: list[dict[str, Any]], after: str | None) -> list[dict[str, Any]]:
        """Returns the items of a list page that this walk has not seen before. `after` is the page's cursor, or None at
        the end.

        An item without an id is returned, but does not count as new.
        """
        new = [row for row in rows if row.get("id") not in self._ids]
        ids = {row["id"] for row in new if isinstance(row.get("id"), str)}
        self._ids |= ids
        self._pages_without_new = 0 if ids else self._pages_without_new + 1
        self._pages_left -= 1
        if after in self._cursors and after is not None:
            self.cut = "cursor_repeated"
        elif after is not None and self._pages_without_new >= NOTHING_NEW_PAGES:
            self.cut = "nothing_new"
        elif after is not None and self._pages_left <= 0:
            self.cut = "too_long"
        self.ended = after is None or self.cut is not None
        self._cursors.add(after)
        self.after = after
        return new
