"""A cursor is read back, or it is none of ours."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cache.cursors import read_cursor, write_cursor
from cache.errors import CursorRefused

LARGEST = 2**53 - 1
SCORES = st.integers(0, LARGEST)
KINDS = st.sampled_from(["m", "c"])


@given(SCORES)
def test_a_place_in_the_messages_is_read_back(score: int) -> None:
    """To the microsecond."""
    assert read_cursor("m", write_cursor("m", score)) == (score,)


@given(SCORES, SCORES)
def test_a_place_in_the_conversations_is_read_back(began: int, score: int) -> None:
    """With the moment the walk began."""
    assert read_cursor("c", write_cursor("c", began, score)) == (began, score)


@given(SCORES)
def test_a_cursor_needs_no_escaping_in_an_address(score: int) -> None:
    """It is copied into queries by hand."""
    assert write_cursor("m", score).replace("-", "").replace("_", "").isalnum()


def test_todays_cursors_stay_readable() -> None:
    """A client may hold one over an update of the service."""
    assert write_cursor("m", 1_770_000_000_123_456) == "bQAGSc49QoJA"
    assert write_cursor("c", 1_770_000_000_123_456, 5) == "YwAGSc49QoJAAAAAAAAAAAU"


@given(KINDS, st.text(max_size=100))
@example("m", "\ud800")
@example("m", "bQAGSc49QoJA=")
@example("m", "bQAGSc49QoJA\n")
@example("m", "bQAGSc49QoJ A")
def test_whatever_we_did_not_write_is_refused(kind: str, text: str) -> None:
    """With the one declared error, and no other."""
    try:
        scores = read_cursor(kind, text)
    except CursorRefused:
        return
    assert write_cursor(kind, *scores) == text


def test_a_refusal_names_itself_and_does_not_repeat_the_cursor() -> None:
    """It may be anything, a token by mistake for instance."""
    with pytest.raises(CursorRefused) as refusal:
        read_cursor("m", "a-token-by-mistake")
    assert refusal.value.reason == "invalid_cursor"
    assert "mistake" not in str(refusal.value)


@given(KINDS, st.binary(max_size=40))
def test_other_bytes_in_the_same_alphabet_are_refused(kind: str, raw: bytes) -> None:
    """One spelling for one place: padding, other lengths and spare bits are not ours."""
    text = urlsafe_b64encode(raw).rstrip(b"=").decode()
    try:
        scores = read_cursor(kind, text)
    except CursorRefused:
        return
    assert write_cursor(kind, *scores) == text


@given(SCORES)
def test_a_cursor_of_the_other_question_is_refused(score: int) -> None:
    """Messages and conversations are walked by different clocks."""
    with pytest.raises(CursorRefused):
        read_cursor("c", write_cursor("m", score))
    with pytest.raises(CursorRefused):
        read_cursor("m", write_cursor("c", score, score))


@pytest.mark.parametrize("score", [LARGEST + 1, 2**63, 2**64 - 1])
def test_a_place_beyond_what_a_double_holds_is_refused(score: int) -> None:
    """There neighbouring microseconds would be one."""
    with pytest.raises(CursorRefused):
        read_cursor("m", write_cursor("m", score))
    with pytest.raises(CursorRefused):
        read_cursor("c", write_cursor("c", 0, score))


def test_spare_bits_are_refused() -> None:
    """`Q` and `R` in the last place decode to the same bytes."""
    cursor = write_cursor("c", 1, 2)
    changed = cursor[:-1] + chr(ord(cursor[-1]) + 1)
    with pytest.raises(CursorRefused):
        read_cursor("c", changed)
