"""The fields of a Page in a shop's record are read back as they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import Corrupt
from cache.registry import page_fields
from cache.registry.page_fields import page_ids, page_of, read_state, write_state
from domain.ids import PageId
from domain.shop import Page, PageState

PAGE = PageId("104200000000001")
MOMENTS = st.integers(0, 2**53 - 1)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
STATES = st.builds(
    PageState,
    MOMENTS,
    st.booleans(),
    reason=st.none() | WORDS,
    subscribed_fields=st.lists(WORDS, max_size=3).map(tuple),
    missing_permissions=st.lists(WORDS, max_size=3).map(tuple),
    heal_since=st.none() | MOMENTS,
    expires_at=st.none() | MOMENTS,
    missing_fields=st.dictionaries(WORDS, WORDS, max_size=3),
)


@given(STATES)
def test_a_state_is_read_back(state: PageState) -> None:
    """The test covers every field of a state."""
    assert read_state(write_state(state)) == state


def test_a_state_takes_little_room_and_stays_readable() -> None:
    """Usual values are left out. The next version must read what this version writes."""
    assert write_state(PageState(5, token_alive=True)) == b'{"c":5}'
    full = PageState(5, False, "expired", ("messages", "feed"), ("pages_show_list",), 4)
    text = b'{"c":5,"a":0,"r":"expired","f":["messages","feed"],"m":["pages_show_list"],"h":4}'
    assert write_state(full) == text
    assert read_state(text) == full
    assert read_state(b'{"c":5,"later":"unknown"}') == PageState(5, token_alive=True)


@pytest.mark.parametrize("text", [None, b"", b"{}", b"[]", b"1", b'{"c":null}', b'{"c":1,"f":1}', b"\xff"])
def test_a_state_that_we_did_not_write_is_corrupt(text: bytes | None) -> None:
    """A token always has a state."""
    with pytest.raises(Corrupt):
        read_state(text)


def test_the_fields_of_a_record_become_a_page() -> None:
    """A state without a token is ignored: the Page is connected only for webhooks."""
    assert page_of(PAGE, b"7", None, None, None, None, now=10) == Page(PAGE, 7)
    assert page_of(PAGE, b"7", None, b'{"c":5}', b"9", b"1", now=10) == Page(PAGE, 7, 9, paused=True)
    until = page_of(PAGE, b"7", None, None, None, b"11", now=10)
    assert until == Page(PAGE, 7, paused=True, paused_until=11)
    assert page_of(PAGE, b"7", None, None, None, b"11", now=11) == Page(PAGE, 7)
    assert page_of(PAGE, b"7", b"sealed", b'{"c":5}', b"9", None, now=10) == Page(
        PAGE, 7, 9, PageState(5, token_alive=True)
    )


def test_the_connected_pages_of_a_record_are_found_among_its_fields() -> None:
    """The test asks for the Pages that are connected."""
    names = [*page_fields.names(PAGE), b"paused", b"watermark", b"narrow", b"t:1", b"l:2", b"n:3"]
    assert page_ids(names) == [PAGE]
