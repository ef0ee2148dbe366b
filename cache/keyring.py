"""Keys for signing, each made from one of SEAL_KEYS for one purpose. Pure.

HKDF-SHA256 (RFC 5869) makes these keys, as it does for sealing (cache/sealing.py), but for other purposes. A derived
key reveals nothing about the master key, or about the keys of other purposes.
"""

from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.secret import Secret

KEY_BYTES: Final = 32


def signing_keys(seal_keys: Sequence[Secret], purpose: str) -> list[bytes]:
    """Returns the keys (32 bytes each) of one purpose, in the order of `seal_keys` (32 bytes each, in standard base64).
    The first key signs. Each key verifies what it has signed. `purpose` must not contain NUL.
    """
    masters = dict.fromkeys(b64decode(key.reveal()) for key in seal_keys)  # a repeated key counts once
    # For keys of sealing, the shop's id follows the NUL.
    info = purpose.encode() + b"\0"
    return [HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master) for master in masters]
