"""Tickets for streams. A ticket is a signed text for one connection of a caller that cannot send a token in a header.

Browsers and servers store addresses in histories and logs, so an address must not contain a token. A ticket is useless
after its first use, and after 30 s. A text that is no ticket of this shop is refused without a call to Redis.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import orjson

from cache.keys import TICKET_SECONDS, shop_keys
from cache.scripts import GIVE_TICKET, TAKE_TICKET
from cache.server.connection import Connection
from cache.signed_text import SignedText
from domain import limits
from domain.ids import ShopId
from domain.secret import Secret
from domain.shop import Principal

NONCE_BYTES: Final = 16


class Tickets:
    """Makes tickets and accepts each ticket once. `new_bytes` returns the given number of random bytes. Every method
    raises `Unavailable` when Redis is unavailable.
    """

    def __init__(
        self, connection: Connection, seal_keys: Sequence[Secret], *, new_bytes: Callable[[int], bytes]
    ) -> None:
        self._connection = connection
        self._text = SignedText(seal_keys, "ticket")
        self._new_bytes = new_bytes

    async def give(self, shop: ShopId, principal: Principal, /) -> str:
        """Returns a ticket for one stream of this shop. It has the rights and the expiry time of the caller's token.

        Raises:
            RateReached: the shop has as many unused tickets as it may have.
        """
        nonce = self._new_bytes(NONCE_BYTES)
        holder = orjson.dumps([principal.subject, sorted(principal.scopes), principal.expires_at])
        if not await self._connection.run(
            GIVE_TICKET(_keys(shop, nonce), [holder, TICKET_SECONDS, limits.TICKETS]), tries=2
        ):
            sentence = "This shop has too many tickets that were not used; they end after 30 s."
            raise limits.RateReached("too_many_tickets", sentence, retry_after=TICKET_SECONDS)
        return self._text.write(shop, nonce)

    async def take(self, shop: ShopId, ticket: str, /) -> Principal | None:
        """Returns the caller who got the ticket; None if the ticket was used, is too old, or is not this shop's."""
        nonce = self._text.read(shop, ticket)
        if nonce is None:
            return None
        # The call is not repeated: if the answer was lost, the ticket is used up.
        holder = await self._connection.run(TAKE_TICKET(_keys(shop, nonce), []))
        if holder is None:
            return None
        subject, scopes, expires_at = orjson.loads(holder)
        return Principal(shop, frozenset(scopes), subject, expires_at)


def _keys(shop: ShopId, nonce: bytes) -> list[bytes]:
    keys = shop_keys(shop)
    return [keys.ticket(sha256(nonce).digest()), keys.tickets]
