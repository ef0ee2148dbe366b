"""Each id comes back from a path unchanged, and is one part of the path."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from api.paths import id_of, routed

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(IDS, min_size=1, max_size=4))
def test_every_id_is_one_part(ids: list[str]) -> None:
    """An id may have any characters."""
    path = routed("/".join(quote(id_, safe="") for id_ in ids).encode())
    assert [id_of(part) for part in path.split("/")] == ids


@given(st.binary(max_size=40))
def test_no_path_makes_more_parts_than_it_has_slashes(raw_path: bytes) -> None:
    """So a proxy that reads the unchanged path sees the same parts."""
    assert routed(raw_path).count("/") == raw_path.count(b"/")
