"""Pure: a walk through a list of Graph, page by page, that always ends.

Graph ends a list by leaving `paging.next` out. Lists have been seen that never do so: the same cursor again and again,
or new cursors with empty pages. A short or an empty page alone is not the end
(developers.facebook.com/docs/graph-api/results).
"""

from typing import Any, Final

from domain.heal import CutReason

NOTHING_NEW_PAGES: Final = 8
"""Pages in a row without a new item, after which a list counts as endless. Privacy filters empty a page or two."""


class Walk:
    """Where a walk is. `after` is the cursor of the next page: give it the place to begin at, None for the beginning.

    `cut` says why the walk ended before the list did; None while it goes on, and at the list's own end.
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
        """The items of a page that this walk has not met before; `after` is the page's cursor, None at the end.

        An item without an id is given back, and does not count as new.
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
