"""Tickets for streams: a signed text that is good for one connection, for callers who cannot send a token in a header.

An address ends up in histories and logs, so it holds no token. A ticket is worth nothing once it was used, or 30 s
after it was given. A text that is no ticket of this shop is refused before Redis, or any key, sees it.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import orjson

from cache.keyring import Keyring
from cache.keys import TICKET_SECONDS, shop_keys
from cache.server.connection import Connection
from cache.signed_text import SignedText
from domain.ids import ShopId
from domain.shop import Principal

NONCE_BYTES: Final = 16


class Tickets:
    """Gives and takes tickets. `new_bytes` gives as many random bytes as it is asked for. Every method raises
    `Unavailable` when Redis is.
    """

    def __init__(self, connection: Connection, keyring: Keyring, *, new_bytes: Callable[[int], bytes]) -> None:
        self._connection = connection
        self._text = SignedText(keyring, "ticket")
        self._new_bytes = new_bytes

    async def give(self, shop: ShopId, principal: Principal, /) -> str:
        """A ticket for one stream of this shop, with the rights of this token and no longer than the token lasts."""
        nonce = self._new_bytes(NONCE_BYTES)
        holder = orjson.dumps([principal.subject, sorted(principal.scopes), principal.expires_at])
        await self._connection.command("SET", _key(shop, nonce), holder, "EX", TICKET_SECONDS)
        return self._text.write(shop, nonce)

    async def take(self, shop: ShopId, ticket: str, /) -> Principal | None:
        """The caller who got it, once; None for a ticket that was used, is too old, or is not one of this shop's."""
        nonce = self._text.read(shop, ticket)
        if nonce is None:
            return None
        # Not twice: a ticket whose answer was lost is lost.
        holder = await self._connection.command("GETDEL", _key(shop, nonce))
        if holder is None:
            return None
        subject, scopes, expires_at = orjson.loads(holder)
        return Principal(shop, frozenset(scopes), subject, expires_at)


def _key(shop: ShopId, nonce: bytes) -> bytes:
    return shop_keys(shop).ticket(sha256(nonce).digest())
