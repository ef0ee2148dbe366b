"""The secret of each shop, which seals its messages: drawn here, kept sealed in the shop's record, erased by its purge.

The field `secret` of a shop's record (cache/keys.py) is one of three:

    absent            the shop has never stored anything
    a sealed value    32 random bytes, sealed by `SEAL_KEYS` for this shop (cache/sealing.py)
    `-` and a time    erased: the shop was purged then, or had nothing left to read

A dump of Redis opens nothing without `SEAL_KEYS`, and what an erased secret has sealed is readable nowhere any more
but where both its old field and the keys are. The field decides: a script that stores is told which field the values
were sealed under, and stores nothing where another one stands. So no process needs to hear of a purge.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from cache.errors import Corrupt, SealBroken, Unavailable
from cache.messages.vault import DRAWN_BYTES, SECRET_BYTES, Vault
from cache.sealing import VERSION, Sealer
from domain.ids import ShopId

FIELD: Final = b"secret"
PURPOSE: Final = "shop-secret"

REMEMBERED: Final = 8192
"""Shops whose secret is held opened: 3 KB each. Another shop costs 30 µs, and its first write a second round trip."""
RESEAL_SECONDS: Final = 60.0
"""How often one process seals a shop's secret with its own first key where another key did. While replicas are being
replaced, their first keys differ: they must not undo each other's work at every write."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ShopSecret:
    """What a write needs: the field it has seen, the field it wants there, and what seals under it.

    `current` is whether our first key seals that field; `resealed_at` is when this process last saw to it.
    """

    seen: bytes
    field: bytes
    vault: Vault
    current: bool = True
    resealed_at: float = -math.inf


class ShopSecrets:
    """Remembers the secrets of the shops that are busy. `clock` is monotonic, in seconds; `new_bytes` gives so many
    random bytes.
    """

    def __init__(self, sealer: Sealer, *, new_bytes: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        self._sealer = sealer
        self._new_bytes = new_bytes
        self._clock = clock
        self._known: OrderedDict[ShopId, ShopSecret] = OrderedDict()

    def draw(self, records: int) -> list[bytes]:
        """What so many records are sealed with beside the secret; drawn at once, since each draw is a system call."""
        drawn = self._new_bytes(DRAWN_BYTES * records)
        return [drawn[at : at + DRAWN_BYTES] for at in range(0, len(drawn), DRAWN_BYTES)]

    def for_writing(self, shop: ShopId) -> ShopSecret:
        """The secret this process knows, or a fresh one; the script says whether it is the right one."""
        known = self._known.get(shop)
        if known is None:
            return self.learn(shop, b"")
        self._known.move_to_end(shop)
        if known.current or self._clock() < known.resealed_at + RESEAL_SECONDS:
            return known
        field = self._seal(shop, self._open(shop, known.field))
        return self._remember(shop, ShopSecret(known.field, field, known.vault, resealed_at=self._clock()))

    def learn(self, shop: ShopId, field: bytes) -> ShopSecret:
        """What to write with, now that this stands in the shop's record (empty where nothing does).

        Raises:
            Unavailable: no key of ours opens it.
        """
        known = self._known.get(shop)
        if not field.startswith(VERSION):
            if known is not None and known.seen == field:
                return known  # proposed already, for another write that is under way
            secret = self._new_bytes(SECRET_BYTES)
            return self._remember(shop, ShopSecret(field, self._seal(shop, secret), Vault(secret)))
        if known is not None and known.field == field:
            self._known.move_to_end(shop)
            return known
        resealed_at = -math.inf if known is None else known.resealed_at
        vault, current = Vault(self._open(shop, field)), self._sealer.is_current(field)
        return self._remember(shop, ShopSecret(field, field, vault, current, resealed_at))

    def settled(self, shop: ShopId, secret: ShopSecret) -> None:
        """This secret's field stands in the shop's record now."""
        self._remember(shop, replace(secret, seen=secret.field))

    def to_read(self, shop: ShopId, field: bytes | None) -> Vault:
        """What opens the values that came with this field.

        Raises:
            Unavailable: no key of ours opens it.
            Corrupt: there is no secret: whatever those values are, nothing opens them.
        """
        if field is None or not field.startswith(VERSION):
            raise Corrupt("corrupt_record")
        return self.learn(shop, field).vault

    def _remember(self, shop: ShopId, secret: ShopSecret) -> ShopSecret:
        self._known[shop] = secret
        self._known.move_to_end(shop)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return secret

    def _seal(self, shop: ShopId, secret: bytes) -> bytes:
        return self._sealer.seal(secret, shop=shop, purpose=PURPOSE, place="")

    def _open(self, shop: ShopId, field: bytes) -> bytes:
        try:
            return self._sealer.open(field, shop=shop, purpose=PURPOSE, place="")
        except SealBroken:
            log.warning("secret_unreadable", shop=shop)
            sentence = (
                "These messages are sealed with a key that is missing here: the operator must put it into SEAL_KEYS."
            )
            raise Unavailable("seal_key_missing", sentence) from None
