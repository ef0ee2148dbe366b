"""The secret of each shop, which seals its messages: drawn here, kept sealed in the shop's record, erased by its purge.

The field `secret` of a shop's record (cache/keys.py) is one of three:

    absent            nothing was ever stored for the shop
    a sealed value    32 random bytes, sealed by `SEAL_KEYS` for this shop (cache/sealing.py)
    `-` and a time    erased: the shop was purged at that time (microseconds)

The nonce of the sealed value is the secret's id. It stays when the secret is sealed again with a newer key. A script
that stores values gets the id of the secret that sealed them, and stores nothing where the record has another secret.

A dump of Redis opens nothing without `SEAL_KEYS`. After a purge of the shop, its old values open only for someone who
has an older copy of the record and `SEAL_KEYS`.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from cache.errors import Corrupt, SealBroken, Unavailable
from cache.messages.vault import DRAWN_BYTES, SECRET_BYTES, Vault
from cache.sealing import CIPHERTEXT_AT, NONCE_AT, VERSION, Sealer
from domain.ids import ShopId

FIELD: Final = b"secret"
PURPOSE: Final = "shop-secret"

REMEMBERED: Final = 8192
"""Shops whose secret is held opened: 3 KB each. Opening another one takes 30 µs."""

log = structlog.get_logger()


def secret_id(secret: bytes) -> bytes:
    """The id of a sealed secret."""
    return secret[NONCE_AT:CIPHERTEXT_AT]


class ShopSecrets:
    """Draws secrets and opens them. `new_bytes` returns that number of random bytes.

    A secret is passed around sealed. The opened ones of the busiest shops are remembered, one for each shop.
    """

    def __init__(self, sealer: Sealer, *, new_bytes: Callable[[int], bytes]) -> None:
        self._sealer = sealer
        self._new_bytes = new_bytes
        self._opened: OrderedDict[ShopId, tuple[bytes, Vault]] = OrderedDict()

    def draw(self, records: int) -> list[bytes]:
        """The random part of the nonce of each of these records; drawn together, because each draw is a system call."""
        drawn = self._new_bytes(DRAWN_BYTES * records)
        return [drawn[at : at + DRAWN_BYTES] for at in range(0, len(drawn), DRAWN_BYTES)]

    def new(self, shop: ShopId) -> bytes:
        """A new secret, sealed.

        Raises:
            SealKeysMissing: there is no key to seal it with.
        """
        return self._sealer.seal(self._new_bytes(SECRET_BYTES), shop=shop, purpose=PURPOSE, place="")

    def with_first_key(self, shop: ShopId, secret: bytes) -> bytes:
        """The secret, sealed with the first key: itself where it is already.

        Raises:
            Unavailable: none of our keys opens it.
        """
        if self._sealer.is_current(secret):
            return secret
        try:
            return self._sealer.reseal(secret, shop=shop, purpose=PURPOSE, place="")
        except SealBroken:
            raise _unreadable(shop) from None

    def vault(self, shop: ShopId, secret: bytes | None) -> Vault:
        """What seals and opens the shop's values under this secret, which is the field of the shop's record.

        Raises:
            Unavailable: none of our keys opens it.
            Corrupt: there is no secret, or it was erased: nothing opens those values.
        """
        if secret is None or not secret.startswith(VERSION):
            raise Corrupt("corrupt_record")
        known = self._opened.get(shop)
        if known is None or known[0] != secret_id(secret):
            try:
                opened = self._sealer.open(secret, shop=shop, purpose=PURPOSE, place="")
            except SealBroken:
                raise _unreadable(shop) from None
            known = self._opened[shop] = (secret_id(secret), Vault(opened))
        self._opened.move_to_end(shop)
        if len(self._opened) > REMEMBERED:
            self._opened.popitem(last=False)
        return known[1]


def _unreadable(shop: ShopId) -> Unavailable:
    log.warning("secret_unreadable", shop=shop)
    return Unavailable(
        "seal_key_missing",
        "These messages are sealed with a key that is missing here: the operator must put it into SEAL_KEYS.",
    )
