"""What one shop's secret seals: the bodies of its messages and of the edits that wait for theirs. Pure.

AES-256-GCM, with a key that HKDF-SHA256 makes from the shop's secret (cache/messages/shop_secrets.py). A record
(cache/codec.py) becomes a value:

    0-19   the header, in clear, since the scripts read it
    20-27  random; with the nonce of the write before it, it is the nonce of the cipher
    28-    the body's ciphertext and its tag of 16 bytes

Header and id are bound to the ciphertext: a value that stands under another key, or under another header, does not
open. Scripts never change a header; an edit keeps it.
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
"""With the four of the write's nonce the twelve that GCM is made for. Two of a billion values of one secret share all
twelve with a chance of 6e-12."""
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
        """The value of a record under its id. `drawn` are random bytes, others each time."""
        header = record[:HEADER_BYTES]
        ciphertext = self._cipher.encrypt(header[NONCE_AT:PAGE_AT] + drawn, record[HEADER_BYTES:], header + id_)
        return header + drawn + ciphertext

    def open(self, id_: bytes, value: bytes) -> bytes:
        """The record that was sealed for this id.

        Raises:
            Corrupt: it is a tombstone, was sealed with another secret or for another place, or is damaged.
        """
        if len(value) < _BODY_AT + TAG_BYTES:
            raise Corrupt("corrupt_record")
        header = value[:HEADER_BYTES]
        nonce = header[NONCE_AT:PAGE_AT] + value[HEADER_BYTES:_BODY_AT]
        try:
            return header + self._cipher.decrypt(nonce, value[_BODY_AT:], header + id_)
        except InvalidTag:
            raise Corrupt("corrupt_record") from None
