"""Seals the bodies of a shop's messages, and of edits that wait for their message, with the shop's secret.

This module draws the secret. The secret is stored, sealed, in the shop's record. A purge of the shop erases the secret.
The field `secret` of a shop's record (cache/keys.py) has one of three values:

    absent            nothing was ever stored for the shop
    a sealed value    32 random bytes, sealed by `SEAL_KEYS` for this shop (cache/sealing.py)
    `-` and a time    erased: the shop was purged at that time (microseconds)

The nonce of the sealed value is the secret's id. The id does not change when a newer key seals the secret again. A
script that stores values gets the id of the secret that sealed them. It stores nothing if the record has another
secret.

Without `SEAL_KEYS`, no value in a dump of Redis can be decrypted. After a purge of the shop, its old values can be
decrypted only with an older copy of the record and `SEAL_KEYS`.

The cipher is AES-256-GCM. HKDF-SHA256 makes its key from the shop's secret. A record (cache/codec.py) becomes a value:

    0-19   the header, not encrypted, because the scripts read it
    20-27  random bytes; the nonce of the cipher is the nonce of the write and these bytes
    28-    the body's ciphertext and its tag of 16 bytes

Header and id are authenticated with the ciphertext, so a value under another key of Redis or with another header cannot
be opened. Scripts never change a header. An edit keeps the header.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cache.codec import HEADER_BYTES, NONCE_AT, PAGE_AT
from cache.errors import Corrupt, SealBroken, Unavailable
from cache.sealing import CIPHERTEXT_AT, VERSION, Sealer
from cache.sealing import NONCE_AT as SECRET_ID_AT
from domain.ids import ShopId

SECRET_FIELD: Final = b"secret"
PURPOSE: Final = "shop-secret"

REMEMBERED: Final = 8192
"""Largest number of shops whose opened secret is remembered. Each takes 3 KB. Opening a secret that is not remembered
takes 30 µs."""

SECRET_BYTES: Final = 32

DRAWN_BYTES: Final = 8
"""Together with the 4 bytes of the write's nonce, these are the usual 12 bytes of a GCM nonce. The chance that two of a
billion values of one secret have the same 12 bytes is 6e-12."""
TAG_BYTES: Final = 16

_BODY_AT: Final = HEADER_BYTES + DRAWN_BYTES
_INFO: Final = b"page-inbox message body"

log = structlog.get_logger()


class Vault:
    """Seals and opens the records of one shop. `id` is the id of the shop's secret."""

    __slots__ = ("_cipher", "id")

    def __init__(self, secret: bytes, id_: bytes) -> None:
        self.id = id_
        hkdf = HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=_INFO)
        self._cipher = AESGCM(hkdf.derive(secret))

    def seal(self, id_: bytes, record: bytes, drawn: bytes) -> bytes:
        """Returns the value of a record under its id. `drawn` are new random bytes for each call."""
        header = record[:HEADER_BYTES]
        ciphertext = self._cipher.encrypt(header[NONCE_AT:PAGE_AT] + drawn, record[HEADER_BYTES:], header + id_)
        return header + drawn + ciphertext

    def open(self, id_: bytes, value: bytes) -> bytes:
        """Returns the record that was sealed for this id.

        Raises:
            Corrupt: the value is a tombstone, was sealed with another secret or for another place, or is damaged.
        """
        if len(value) < _BODY_AT + TAG_BYTES:
            raise Corrupt
        header = value[:HEADER_BYTES]
        nonce = header[NONCE_AT:PAGE_AT] + value[HEADER_BYTES:_BODY_AT]
        try:
            return header + self._cipher.decrypt(nonce, value[_BODY_AT:], header + id_)
        except InvalidTag:
            raise Corrupt from None


class ShopSecrets:
    """Draws secrets and opens them. `new_bytes` returns the given number of random bytes.

    Callers have the secret in its sealed form. The opened secrets of the busiest shops are remembered, one per shop.
    """

    def __init__(self, sealer: Sealer, *, new_bytes: Callable[[int], bytes]) -> None:
        self._sealer = sealer
        self._new_bytes = new_bytes
        self._opened: OrderedDict[ShopId, Vault] = OrderedDict()

    def draw(self, records: int) -> list[bytes]:
        """Returns the random part of each record's nonce. All are drawn at once, because a draw is a system call."""
        drawn = self._new_bytes(DRAWN_BYTES * records)
        return [drawn[at : at + DRAWN_BYTES] for at in range(0, len(drawn), DRAWN_BYTES)]

    def new(self, shop: ShopId) -> bytes:
        """Returns a new secret, sealed.

        Raises:
            SealKeysMissing: there is no key to seal the secret with.
        """
        return self._sealer.seal(self._new_bytes(SECRET_BYTES), shop=shop, purpose=PURPOSE, place="")

    def with_first_key(self, shop: ShopId, secret: bytes) -> bytes:
        """Returns the secret, sealed with the first key; the same value if the first key sealed it already.

        Raises:
            Unavailable: none of our keys opens the secret.
        """
        if self._sealer.is_current(secret):
            return secret
        try:
            return self._sealer.reseal(secret, shop=shop, purpose=PURPOSE, place="")
        except SealBroken:
            raise _unreadable(shop) from None

    def vault(self, shop: ShopId, secret: bytes | None) -> Vault:
        """Returns the vault that seals and opens the shop's values. `secret` is the field of the shop's record.

        Raises:
            Unavailable: none of our keys opens the secret.
            Corrupt: there is no secret, or it was erased. Nothing opens the shop's values.
        """
        if secret is None or not secret.startswith(VERSION):
            raise Corrupt
        id_, known = secret[SECRET_ID_AT:CIPHERTEXT_AT], self._opened.get(shop)
        if known is None or known.id != id_:
            try:
                opened = self._sealer.open(secret, shop=shop, purpose=PURPOSE, place="")
            except SealBroken:
                raise _unreadable(shop) from None
            known = self._opened[shop] = Vault(opened, id_)
        self._opened.move_to_end(shop)
        if len(self._opened) > REMEMBERED:
            self._opened.popitem(last=False)
        return known


def _unreadable(shop: ShopId) -> Unavailable:
    log.warning("secret_unreadable", shop=shop)
    return Unavailable(
        "seal_key_missing",
        "These messages are sealed with a key that is missing here: the operator must put it into SEAL_KEYS.",
    )
