"""A cursor is valid only for the shop and the list for which it was written. Any other text is refused."""

import secrets
from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cache.cursors import Cursors
from cache.errors import CursorRefused, SealKeysMissing
from domain.ids import ShopId
from domain.secret import Secret

SCORES = st.integers(0, 2**53 - 1)
SHOP, OTHER = ShopId("shop-1"), ShopId("shop-2")


def new_key() -> Secret:
    """Returns a new key for SEAL_KEYS."""
    return Secret(b64encode(secrets.token_bytes(32)).decode())


KEY = new_key()
CURSORS = Cursors([KEY])


@given(SCORES, SCORES)
def test_a_cursor_gives_back_the_exact_position(began: int, score: int) -> None:
    """The position is exact to the microsecond."""
    assert CURSORS.read(SHOP, "m", CURSORS.write(SHOP, "m", score)) == (score,)
    assert CURSORS.read(SHOP, "c", CURSORS.write(SHOP, "c", began, score)) == (began, score)


@given(SCORES)
def test_a_cursor_needs_no_escaping_in_an_address(score: int) -> None:
    """People copy cursors into queries by hand."""
    assert CURSORS.write(SHOP, "m", score).replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=100))
@example("\ud800")
@example("bQAGSc49QoJA")
def test_a_made_up_text_is_refused(text: str) -> None:
    """The only error is CursorRefused."""
    with pytest.raises(CursorRefused):
        CURSORS.read(SHOP, "m", text)


@given(st.data())
def test_a_changed_cursor_is_refused(data: st.DataObject) -> None:
    """A change of any character is noticed, also in the unused bits of the last character and in the padding."""
    cursor = CURSORS.write(SHOP, "c", 5, 3)
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").filter(
            lambda one: one != cursor[at]
        )
    )
    for changed in (cursor[:at] + other + cursor[at + 1 :], cursor + "=", cursor + "\n", cursor[:-1]):
        with pytest.raises(CursorRefused):
            CURSORS.read(SHOP, "c", changed)


def test_a_cursor_of_another_shop_or_another_list_is_refused() -> None:
    """Messages, conversations, the stream and the audit log have different positions."""
    cursor = CURSORS.write(SHOP, "m", 5)
    for shop, kind in ((OTHER, "m"), (SHOP, "c"), (SHOP, "s"), (SHOP, "a")):
        with pytest.raises(CursorRefused):
            CURSORS.read(shop, kind, cursor)


def test_cursors_stay_valid_during_a_change_of_keys() -> None:
    """During a change of keys, some replicas sign with the old key and some with the new key."""
    newer = new_key()
    before, after = Cursors([KEY, newer]), Cursors([newer, KEY])
    assert after.read(SHOP, "m", before.write(SHOP, "m", 5)) == (5,)
    assert before.read(SHOP, "m", after.write(SHOP, "m", 5)) == (5,)
    with pytest.raises(CursorRefused):
        Cursors([newer]).read(SHOP, "m", CURSORS.write(SHOP, "m", 5))


def test_without_keys_nothing_is_written_and_nothing_is_read() -> None:
    """Without keys a cursor would be unsigned."""
    without = Cursors([])
    with pytest.raises(SealKeysMissing):
        without.write(SHOP, "m", 5)
    with pytest.raises(CursorRefused):
        without.read(SHOP, "m", CURSORS.write(SHOP, "m", 5))


def test_a_refusal_does_not_repeat_the_cursor() -> None:
    """The text can be anything, for example a token that the caller put there by mistake."""
    with pytest.raises(CursorRefused) as refusal:
        CURSORS.read(SHOP, "m", "a-token-by-mistake")
    assert refusal.value.reason == "invalid_cursor"
    assert "mistake" not in str(refusal.value)
