"""Keys for signing, each made from one of SEAL_KEYS for one purpose. Pure.

HKDF-SHA256 (RFC 5869) makes them, as it does for sealing (cache/sealing.py), but for other purposes. A derived key
reveals nothing about the master key, or about the keys of other purposes and shops.
"""

from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cache.errors import SealKeysMissing
from cache.sealing import key_id
from domain.secret import Secret

KEY_BYTES: Final = 32
DERIVED_KEYS: Final = 4096
"""Keys that are remembered: one for each busy shop and purpose."""


class Keyring:
    """The first of `keys` (32 bytes each, in standard base64) signs. Each key verifies what it has signed."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._masters = {key_id(raw): raw for raw in (b64decode(key.reveal()) for key in reversed(keys))}
        self.ids: tuple[bytes, ...] = tuple(reversed(self._masters))
        """The ids of the keys, the first key first. They reveal nothing about the keys."""
        self._derived = lru_cache(maxsize=DERIVED_KEYS)(self._derive)

    def signing(self, purpose: str, shop: str = "") -> tuple[bytes, bytes]:
        """Returns the first key's id, and its 32 bytes for one purpose and one shop. `purpose` must not contain NUL.

        Raises:
            SealKeysMissing: there is no key.
        """
        if not self.ids:
            raise SealKeysMissing(sentence="Accesses and receipts are signed with a key made from SEAL_KEYS: set it.")
        return self.ids[0], self._derived(self.ids[0], purpose, shop)

    def key(self, id_: bytes, purpose: str, shop: str = "") -> bytes | None:
        """Returns the 32 bytes of the key with this id; None if we have no key with this id."""
        return self._derived(id_, purpose, shop) if id_ in self._masters else None

    def _derive(self, id_: bytes, purpose: str, shop: str) -> bytes:
        info = purpose.encode() + b"\0" + shop.encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._masters[id_])
