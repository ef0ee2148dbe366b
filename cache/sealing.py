"""Sealing: a sealed value can be opened only with a key that the store does not have. Pure.

The cipher is AES-256-GCM. HKDF-SHA256 makes a key for each shop and purpose from a master key, so a value of one shop
cannot be opened for another shop. Purpose, shop and place are authenticated with the ciphertext, so a value that is
moved to another place does not open. A sealed value:

    0      version
    1-4    id of the master key that sealed it: after a change of keys, the old keys still open their values
    5-16   nonce, random
    17-    ciphertext and its tag of 16 bytes
"""

from base64 import b64decode
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cache.errors import SealBroken, SealKeysMissing
from domain.ids import ShopId
from domain.secret import Secret

VERSION: Final = b"\x01"

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
"""The chance that two of a few keys have the same id is 1e-9. In this case both keys are tried."""
NONCE_BYTES: Final = 12
"""The usual length for GCM. With random nonces, one key may seal 2^32 values (NIST SP 800-38D, 8.3)."""
TAG_BYTES: Final = 16

_KEY_AT: Final = len(VERSION)
NONCE_AT: Final = _KEY_AT + KEY_ID_BYTES
CIPHERTEXT_AT: Final = NONCE_AT + NONCE_BYTES

DERIVED_KEYS: Final = 1024
"""Keys of busy shops that are remembered, because making a key takes longer than sealing with it."""


class Sealer:
    """Seals with the first of its keys and opens with any of them. `keys` are 32 bytes each, in standard base64.
    `new_nonce` returns the given number of random bytes.

    A sealer without keys opens and seals nothing.
    """

    __slots__ = ("_cipher", "_key_ids", "_keys", "_new_nonce")

    def __init__(self, keys: Sequence[Secret], *, new_nonce: Callable[[int], bytes]) -> None:
        self._keys = tuple(keys)
        self._key_ids = tuple(key_id(b64decode(key.reveal())) for key in self._keys)
        self._new_nonce = new_nonce
        self._cipher = lru_cache(maxsize=DERIVED_KEYS)(self._derive)

    def seal(self, plain: bytes, *, shop: ShopId, purpose: str, place: str) -> bytes:
        """Seal a value for one place of one shop. `purpose` must not contain NUL.

        Raises:
            SealKeysMissing: there is no key to seal with.
        """
        if not self._keys:
            raise SealKeysMissing
        return self._seal(plain, self._new_nonce(NONCE_BYTES), shop, purpose, place)

    def reseal(self, sealed: bytes, *, shop: ShopId, purpose: str, place: str) -> bytes:
        """Returns the same plain value, sealed with the first key. The nonce does not change, because it can be the
        value's id.

        A nonce must not seal two values with one key. Here the nonce seals the same value again, which is safe.

        Raises:
            SealBroken: we do not have its key, it was sealed for another place, or it is damaged.
        """
        plain = self.open(sealed, shop=shop, purpose=purpose, place=place)
        return self._seal(plain, sealed[NONCE_AT:CIPHERTEXT_AT], shop, purpose, place)

    def open(self, sealed: bytes, *, shop: ShopId, purpose: str, place: str) -> bytes:
        """Returns the plain value that was sealed for this place.

        Raises:
            SealBroken: we do not have its key, it was sealed for another place, or it is damaged.
        """
        if len(sealed) < CIPHERTEXT_AT + TAG_BYTES or not sealed.startswith(VERSION):
            raise SealBroken
        nonce, ciphertext = sealed[NONCE_AT:CIPHERTEXT_AT], sealed[CIPHERTEXT_AT:]
        bound_to = _bound_to(shop, purpose, place)
        for number, id_ in enumerate(self._key_ids):
            if id_ == sealed[_KEY_AT:NONCE_AT]:
                try:
                    return self._cipher(number, shop, purpose).decrypt(nonce, ciphertext, bound_to)
                except InvalidTag:
                    continue
        raise SealBroken

    def is_current(self, sealed: bytes) -> bool:
        """Returns whether the first key sealed the value. If not, the value must be sealed again before an older key is
        removed."""
        return bool(self._keys) and sealed[:NONCE_AT] == VERSION + self._key_ids[0]

    def _seal(self, plain: bytes, nonce: bytes, shop: ShopId, purpose: str, place: str) -> bytes:
        ciphertext = self._cipher(0, shop, purpose).encrypt(nonce, plain, _bound_to(shop, purpose, place))
        return b"".join((VERSION, self._key_ids[0], nonce, ciphertext))

    def _derive(self, number: int, shop: ShopId, purpose: str) -> AESGCM:
        """Returns the cipher of one shop and purpose, made from one master key."""
        info = purpose.encode() + b"\0" + shop.encode()
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info)
        return AESGCM(hkdf.derive(b64decode(self._keys[number].reveal())))


def key_id(key: bytes) -> bytes:
    """Returns an id of a master key. The id reveals nothing about the key."""
    return sha256(b"page-inbox seal key id\0" + key).digest()[:KEY_ID_BYTES]


def _bound_to(shop: ShopId, purpose: str, place: str) -> bytes:
    """Returns the associated data. Each part follows its length, so two places never give the same bytes."""
    parts = (VERSION, purpose.encode(), shop.encode(), place.encode())
    return b"".join(len(part).to_bytes(4) + part for part in parts)
