"""Decrypting what is in Redis, as a person can do who has a copy of Redis and the keys."""

from secrets import token_bytes
from typing import Any

from cache.codec import decode
from cache.messages.vault import PURPOSE, Vault
from cache.sealing import Sealer
from domain.ids import ShopId
from domain.secret import Secret


def opened(key: Secret, shop: ShopId, field: bytes, id_: bytes, value: bytes) -> dict[str, Any]:
    """Returns the body of a message or of a waiting edit. `field` is the secret in the shop's record, and `id_` is the
    end of the key.

    Raises:
        SealBroken, Corrupt: they do not fit.
    """
    secret = Sealer([key], new_nonce=token_bytes).open(field, shop=shop, purpose=PURPOSE, place="")
    return decode(Vault(secret, b"").open(id_, value))
