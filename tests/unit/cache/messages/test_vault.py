"""A record opens only if it is undamaged and its shop's secret, its id and its header are right."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from cache.codec import HEADER_BYTES
from cache.errors import Corrupt
from cache.messages.vault import Vault

SECRET, OTHER_SECRET = b"the secret of a shop, 32 bytes..", b"the secret of another, 32 bytes."
ID, OTHER_ID = b"id-of-twelve", b"another-id-!"
HEADER = bytes([1, 0xFD, 0, 1, 0xFE, 0xFF]) + b"page--convers-"
RECORD = HEADER + b"a frame"
DRAWN = bytes(range(8))
VECTOR = "01fd0001feff706167652d2d636f6e766572732d00010203040506070bf5906e52ed9cf740d549c4b9f2e04dcafb4481ca3b95"
RECORDS = st.binary(min_size=HEADER_BYTES, max_size=300)


VAULT = Vault(SECRET, b"")


def sealed() -> bytes:
    """Returns the sealed value of the record."""
    return VAULT.seal(ID, RECORD, DRAWN)


def test_a_sealed_value_has_the_described_format() -> None:
    """The test makes a value without the module, because today's values must open for five days."""
    extracted = hmac.digest(bytes(32), SECRET, hashlib.sha256)
    key = hmac.digest(extracted, b"page-inbox message body\x01", hashlib.sha256)
    expected = HEADER + DRAWN + AESGCM(key).encrypt(HEADER[2:6] + DRAWN, b"a frame", HEADER + ID)
    assert sealed() == expected
    assert VAULT.open(ID, expected) == RECORD


def test_a_value_of_the_first_version_opens() -> None:
    """The value was written down when the first version was made."""
    assert sealed().hex() == VECTOR
    assert VAULT.open(ID, bytes.fromhex(VECTOR)) == RECORD


@given(st.binary(min_size=12, max_size=12), RECORDS, st.binary(min_size=8, max_size=8))
def test_every_sealed_value_opens(id_: bytes, record: bytes, drawn: bytes) -> None:
    """An empty value opens too. The header stays readable."""
    value = VAULT.seal(id_, record, drawn)
    assert value[:HEADER_BYTES] == record[:HEADER_BYTES]
    assert VAULT.open(id_, value) == record


def test_a_value_under_another_id_or_secret_does_not_open() -> None:
    """Two swapped messages of a shop do not open, and a message that is copied to another shop does not open."""
    for opener, id_ in ((VAULT, OTHER_ID), (Vault(OTHER_SECRET, b""), ID)):
        with pytest.raises(Corrupt):
            opener.open(id_, sealed())


@given(st.data())
def test_a_changed_value_does_not_open(data: st.DataObject) -> None:
    """A change of any bit is found: in the header, in the random bytes, and in the body."""
    value = bytearray(sealed())
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Corrupt):
        VAULT.open(ID, bytes(value))


@given(st.integers(0, len(RECORD) + 23))
def test_a_tombstone_or_a_short_value_does_not_open(size: int) -> None:
    """The error is `Corrupt` and not an IndexError."""
    with pytest.raises(Corrupt):
        VAULT.open(ID, sealed()[:size])


def test_the_same_record_is_sealed_to_different_bytes() -> None:
    """The values do not show that two people wrote the same text, or that an edit was undone."""
    other = VAULT.seal(ID, RECORD, bytes(8))
    assert other[HEADER_BYTES + 8 :] != sealed()[HEADER_BYTES + 8 :]


def test_sealing_adds_twenty_four_bytes() -> None:
    """Each stored message needs these bytes, so a million messages need 24 MB more."""
    assert len(sealed()) == len(RECORD) + 24
