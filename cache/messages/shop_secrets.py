"""The secret of each shop, which seals the shop's messages.

This module draws it. The shop's record keeps it, sealed. A purge of the shop erases it.

The field `secret` of a shop's record (cache/keys.py) has one of three values:

    absent            nothing was ever stored for the shop
    a sealed value    32 random bytes, sealed by `SEAL_KEYS` for this shop (cache/sealing.py)
    `-` and a time    erased: the shop was purged at that time (microseconds)

The nonce of the sealed value is the secret's id. The id does not change when a newer key seals the secret again. A
script that stores values gets the id of the secret that sealed them. It stores nothing if the record has another
secret.

Without `SEAL_KEYS`, no value in a dump of Redis can be decrypted. After a purge of the shop, its old values can be
decrypted only with an older copy of the record and `SEAL_KEYS`.
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
"""Shops whose opened secret is remembered: 3 KB each. To open another secret takes 30 µs."""

log = structlog.get_logger()


def secret_id(secret: bytes) -> bytes:
    """Returns the id of a sealed secret."""
    return secret[NONCE_AT:CIPHERTEXT_AT]


class ShopSecrets:
    """Draws secrets and opens them. `new_bytes` returns the given number of random bytes.

    Callers have the secret in its sealed form. The opened secrets of the busiest shops are remembered, one per shop.
    """

    def __init__(self, sealer: Sealer, *, new_bytes: Callable[[int], bytes]) -> None:
        self._sealer = sealer
        self._new_bytes = new_bytes
        self._opened: OrderedDict[ShopId, tuple[bytes, Vault]] = OrderedDict()

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
