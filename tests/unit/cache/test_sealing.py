"""A sealed value opens only if it is undamaged and its key and its place are right."""

import hashlib
import hmac
from base64 import b64encode
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import SealBroken, SealKeysMissing
from cache.sealing import DERIVED_KEYS, Sealer, key_id
from domain.ids import ShopId
from domain.secret import Secret

OLD, NEW = b"an old key of the sealing tests!", b"a newer key of the sealing tests"
SHOP = ShopId("ហាង-sokha")
PLAIN = b"token-of-a-page"
NONCE = bytes(range(12))
VECTOR = "01e5726d8a000102030405060708090a0b1ef9dd44e3c49b9c2d47ad782befbd782ce39e63028449c2fec2d7662fc98a"
"""PLAIN under OLD, made with `hmac` and AESGCM alone."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
PARTS = st.tuples(TEXTS, TEXTS, TEXTS)


def sealer(*keys: bytes) -> Sealer:
    """Returns a sealer that uses the same nonce each time, so that its values can be compared."""
    return Sealer([Secret(b64encode(key).decode()) for key in keys], new_nonce=lambda size: NONCE[:size])


def hkdf(key: bytes, info: bytes) -> bytes:
    """Returns HKDF-SHA256 for one block, as RFC 5869 describes it."""
    extracted = hmac.digest(bytes(32), key, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def test_a_sealed_value_has_the_described_format() -> None:
    """The test makes a value without the module, because today's values must open tomorrow."""
    cipher = AESGCM(hkdf(NEW, b"page-token\0" + SHOP.encode()))
    parts = (b"\x01", b"page-token", SHOP.encode(), b"1042")
    bound_to = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    id_ = hashlib.sha256(b"page-inbox seal key id\0" + NEW).digest()[:4]
    expected = b"\x01" + id_ + NONCE + cipher.encrypt(NONCE, PLAIN, bound_to)
    assert sealer(NEW).seal(PLAIN, shop=SHOP, purpose="page-token", place="1042") == expected
    assert sealer(NEW).open(expected, shop=SHOP, purpose="page-token", place="1042") == PLAIN


def test_a_value_of_the_first_version_opens() -> None:
    """The value was written down when the first version was made."""
    kept = bytes.fromhex(VECTOR)
    assert sealer(OLD).seal(PLAIN, shop=SHOP, purpose="page-token", place="1042") == kept
    assert sealer(OLD).open(kept, shop=SHOP, purpose="page-token", place="1042") == PLAIN


@given(st.binary(max_size=300), PARTS)
def test_every_sealed_value_opens(plain: bytes, parts: tuple[str, str, str]) -> None:
    """An empty value opens too, and the name of the shop may be any text."""
    shop, purpose, place = parts
    sealed = sealer(NEW).seal(plain, shop=ShopId(shop), purpose=purpose, place=place)
    assert sealer(NEW).open(sealed, shop=ShopId(shop), purpose=purpose, place=place) == plain
    assert len(sealed) == 33 + len(plain)


@given(PARTS, PARTS)
def test_a_value_sealed_for_one_place_does_not_open_at_another_place(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """A value does not open for another shop or another purpose, even if the two names, joined, give the same text."""
    sealed = sealer(NEW).seal(PLAIN, shop=ShopId(one[0]), purpose=one[1], place=one[2])
    if one != other:
        with pytest.raises(SealBroken):
            sealer(NEW).open(sealed, shop=ShopId(other[0]), purpose=other[1], place=other[2])


SEALED = sealer(NEW).seal(PLAIN, shop=SHOP, purpose="page-token", place="1042")


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused(at: int, flip: int) -> None:
    """The byte may be in the version, key, nonce, ciphertext or tag."""
    damaged = bytearray(SEALED)
    damaged[at] ^= flip
    with pytest.raises(SealBroken):
        sealer(NEW, OLD).open(bytes(damaged), shop=SHOP, purpose="page-token", place="1042")


@given(st.integers(0, len(SEALED) - 1), st.integers(0, len(SEALED) - 1))
def test_two_swapped_bytes_are_refused(one: int, other: int) -> None:
    """The bytes may be at any position."""
    swapped = bytearray(SEALED)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    if swapped != SEALED:
        with pytest.raises(SealBroken):
            sealer(NEW).open(bytes(swapped), shop=SHOP, purpose="page-token", place="1042")


@given(st.binary(max_size=80) | st.integers(0, len(SEALED) - 1).map(lambda length: SEALED[:length]))
def test_a_value_that_is_not_sealed_is_refused(other: bytes) -> None:
    """The test uses a value that is cut short, and other texts."""
    with pytest.raises(SealBroken):
        sealer(NEW).open(other, shop=SHOP, purpose="page-token", place="1042")


def test_keys_can_be_changed_while_the_old_ones_open() -> None:
    """The first key seals, all keys open. Without its key a value cannot be read, and the error says what to do."""
    old = sealer(OLD).seal(PLAIN, shop=SHOP, purpose="p", place="1")
    both, new = sealer(NEW, OLD), sealer(NEW)
    assert both.open(old, shop=SHOP, purpose="p", place="1") == PLAIN
    assert not both.is_current(old)
    again = both.seal(PLAIN, shop=SHOP, purpose="p", place="1")
    assert both.is_current(again)
    assert new.open(again, shop=SHOP, purpose="p", place="1") == PLAIN
    with pytest.raises(SealBroken, match="connected again") as caught:
        new.open(old, shop=SHOP, purpose="p", place="1")
    assert (caught.value.kind, caught.value.reason) == ("conflict", "reconnect_page")


def test_two_keys_with_the_same_id_are_both_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of two keys may be equal by chance, so every key with the id is tried."""
    sealed = sealer(OLD).seal(PLAIN, shop=SHOP, purpose="p", place="1")
    assert sealer(OLD, OLD).open(sealed, shop=SHOP, purpose="p", place="1") == PLAIN
    monkeypatch.setattr("cache.sealing.key_id", lambda _: key_id(OLD))
    assert sealer(NEW, OLD).open(sealed, shop=SHOP, purpose="p", place="1") == PLAIN


def test_without_keys_nothing_is_sealed_and_nothing_opens() -> None:
    """The error says what to set and how to make a key."""
    with pytest.raises(SealKeysMissing, match="SEAL_KEYS; `openssl rand -base64 32`") as caught:
        sealer().seal(PLAIN, shop=SHOP, purpose="p", place="1")
    assert (caught.value.kind, caught.value.reason) == ("not_configured", "setting_missing")
    with pytest.raises(SealBroken):
        sealer().open(SEALED, shop=SHOP, purpose="page-token", place="1042")
    assert not sealer().is_current(SEALED)


def test_each_value_has_its_own_nonce() -> None:
    """Two sealed values do not show that the token is the same."""
    nonces = iter((b"a" * 12, b"b" * 12))
    one = Sealer([Secret(b64encode(NEW).decode())], new_nonce=lambda _: next(nonces))
    first, second = (one.seal(PLAIN, shop=SHOP, purpose="p", place="1") for _ in range(2))
    assert first[17:] != second[17:]
    assert not {first[at : at + 4] for at in range(17, 40)} & {second[at : at + 4] for at in range(17, 40)}


def test_the_sealer_and_its_errors_show_no_key() -> None:
    """The sealer and its errors show no key, and the id is not a part of the key."""
    one = sealer(NEW)
    sealed = one.seal(PLAIN, shop=SHOP, purpose="p", place="1")
    assert b64encode(NEW).decode() not in repr(one) + str(SealBroken()) + str(SealKeysMissing())
    assert key_id(NEW) not in NEW
    assert PLAIN not in sealed


def test_derived_keys_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of shops may use the sealer. A shop that was not used for the longest time needs its key again."""
    one, made = sealer(NEW), Mock(wraps=HKDF)
    monkeypatch.setattr("cache.sealing.HKDF", made)
    shops = [ShopId(str(number)) for number in range(DERIVED_KEYS + 1)]
    for shop in (*shops, shops[-1], shops[0]):
        one.seal(PLAIN, shop=shop, purpose="p", place="1")
    assert made.call_count == len(shops) + 1
