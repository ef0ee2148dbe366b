"""A walk through a list of Graph ends for any answers of Graph."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from domain.heal import CutReason
from graph_client.walk import NOTHING_NEW_PAGES, Walk

Answer = tuple[list[str], str | None]
"""The ids of a list page, and its cursor."""


def walked(answer: Callable[[int], Answer], most_pages: int = 100) -> tuple[list[str], CutReason | None, int]:
    """Returns the ids that the walk gave, why it was cut short, and how many list pages it took."""
    walk, found, pages = Walk(most_pages=most_pages), list[str](), 0
    while not walk.ended:
        ids, after = answer(pages)
        found += [row["id"] for row in walk.take([{"id": id_} for id_ in ids], after)]
        pages += 1
        assert pages <= most_pages
    return found, walk.cut, pages


CASES: Final[dict[str, tuple[Callable[[int], Answer], CutReason | None, int]]] = {
    "one page": (lambda page: (["t_1"] if page == 0 else [], None), None, 1),
    "several pages": (lambda page: ([f"t_{page}"], f"c_{page}" if page < 3 else None), None, 4),
    "empty pages between": (
        lambda page: ([] if page in (1, 2) else [f"t_{page}"], f"c_{page}" if page < 3 else None),
        None,
        4,
    ),
    "the same cursor and rows": (lambda _: (["t_1"], "c_1"), "cursor_repeated", 2),
    "the same cursor and no rows": (lambda page: (["t_1"] if page == 0 else [], "c_1"), "cursor_repeated", 2),
    "a circle of cursors": (lambda page: ([f"t_{page}"], f"c_{page % 3}"), "cursor_repeated", 4),
    "new cursors and empty pages": (
        lambda page: (["t_1"] if page == 0 else [], f"c_{page}"),
        "nothing_new",
        1 + NOTHING_NEW_PAGES,
    ),
    "new cursors and the same rows": (lambda page: (["t_1"], f"c_{page}"), "nothing_new", 1 + NOTHING_NEW_PAGES),
    "no end": (lambda page: ([f"t_{page}"], f"c_{page}"), "too_long", 100),
}
"""The list page with this number, why the walk is cut short, and after how many list pages it ends."""


@pytest.mark.parametrize(("answer", "cut", "pages"), CASES.values(), ids=CASES)
def test_every_list_ends_and_gives_each_item_once(
    answer: Callable[[int], Answer], cut: CutReason | None, pages: int
) -> None:
    """If the walk ends before the list, the reason says why."""
    found, reason, taken = walked(answer)
    assert (reason, taken) == (cut, pages)
    assert len(found) == len(set(found)) > 0


def test_items_without_an_id_are_returned_but_do_not_count_as_new() -> None:
    """A list that gives only such items ends too."""
    walk = Walk(most_pages=100)
    row: dict[str, Any] = {"message": "words"}
    assert [walk.take([row], f"c_{page}") for page in range(NOTHING_NEW_PAGES)] == [[row]] * NOTHING_NEW_PAGES
    assert walk.cut == "nothing_new"
