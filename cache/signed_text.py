"""Short texts that the service gives to callers and verifies when they come back: cursors, event ids, tickets. Pure.

A text is the base64url form of its content and of a MAC (keyed BLAKE2b, 16 bytes) over shop and content. The key is
made from one of SEAL_KEYS for one purpose: the first key signs, and every key verifies. So a text is valid on every
replica, and stays valid after a change of keys. Others cannot make such a text, and a text is valid for one shop and
one purpose.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from cache.errors import SealKeysMissing
from cache.keyring import signing_keys
from domain.ids import ShopId
from domain.secret import Secret

MAC_BYTES: Final = 16
LONGEST: Final = 128
"""Largest number of characters. The service's texts have at most 64. A text of more than 128 is not decoded."""


class SignedText:
    """Writes and reads the texts of one purpose. Its keys do not depend on the shop, so texts with made-up shops fill
    no cache."""

    def __init__(self, seal_keys: Sequence[Secret], purpose: str) -> None:
        self._keys = signing_keys(seal_keys, purpose)

    def write(self, shop: ShopId, content: bytes) -> str:
        """Returns the text.

        Raises:
            SealKeysMissing: there is no key to sign with.
        """
        if not self._keys:
            raise SealKeysMissing("What is handed out is signed with a key made from SEAL_KEYS: set it.")
        return urlsafe_b64encode(content + _mac(self._keys[0], shop, content)).rstrip(b"=").decode()

    def read(self, shop: ShopId, text: str) -> bytes | None:
        """Returns the content; None for a text that the service did not write for this shop."""
        if len(text) > LONGEST or not text.isascii():
            return None
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (Error, ValueError):
            return None
        if urlsafe_b64encode(raw).rstrip(b"=") != text.encode():
            return None  # a content has only one valid text: without padding and unused bits
        content, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        return content if any(compare_digest(_mac(key, shop, content), mac) for key in self._keys) else None


def _mac(key: bytes, shop: ShopId, content: bytes) -> bytes:
    named = shop.encode()
    return blake2b(b"%d:%b%b" % (len(named), named, content), digest_size=MAC_BYTES, key=key).digest()
