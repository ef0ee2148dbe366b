"""Seals the bodies of a shop's messages, and of edits that wait for their message, with the shop's secret. Pure.

The cipher is AES-256-GCM. HKDF-SHA256 makes its key from the shop's secret (cache/messages/shop_secrets.py). A record
(cache/codec.py) becomes a value:

    0-19   the header, not encrypted, because the scripts read it
    20-27  random bytes; the nonce of the cipher is the nonce of the write and these bytes
    28-    the body's ciphertext and its tag of 16 bytes

Header and id are bound to the ciphertext, so a value under another key or with another header does not open. Scripts
never change a header. An edit keeps the header.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cache.codec import HEADER_BYTES, NONCE_AT, PAGE_AT
from cache.errors import Corrupt

SECRET_BYTES: Final = 32

DRAWN_BYTES: Final = 8
"""With the 4 bytes of the write's nonce, these are the 12 bytes that GCM usually has. The chance that two of a billion
values of one secret have the same 12 bytes is 6e-12."""
TAG_BYTES: Final = 16

_BODY_AT: Final = HEADER_BYTES + DRAWN_BYTES
_INFO: Final = b"page-inbox message body"


class Vault:
    """Seals and opens the records of one shop."""

    __slots__ = ("_cipher",)

    def __init__(self, secret: bytes) -> None:
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
            raise Corrupt("corrupt_record")
        header = value[:HEADER_BYTES]
        nonce = header[NONCE_AT:PAGE_AT] + value[HEADER_BYTES:_BODY_AT]
        try:
            return header + self._cipher.decrypt(nonce, value[_BODY_AT:], header + id_)
        except InvalidTag:
            raise Corrupt("corrupt_record") from None
