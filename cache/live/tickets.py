"""Tickets for streams: a word good for one connection, for whoever cannot send a token in a header.

An address ends up in histories and logs, so it bears no token, and the ticket in it is worth nothing once it was used
or is half a minute old. What is kept of one is its hash.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import orjson

from cache.keys import TICKET_SECONDS, shop_keys
from cache.server.connection import Connection
from domain.ids import ShopId
from domain.shop import Principal

LONGEST: Final = 64
"""Characters; ours have 43. Longer ones are no tickets, and are not looked up."""


class Tickets:
    """Gives and takes them. `new_ticket` gives a word that nobody can guess, another one each time. Every method raises
    `Unavailable` when Redis is.
    """

    def __init__(self, connection: Connection, *, new_ticket: Callable[[], str]) -> None:
        self._connection = connection
        self._new_ticket = new_ticket

    async def give(self, shop: ShopId, principal: Principal, /) -> str:
        """A ticket for one stream of this shop, in the name of the bearer and no longer than his token."""
        ticket = self._new_ticket()
        told = orjson.dumps([principal.subject, sorted(principal.scopes), principal.expires_at])
        await self._connection.command("SET", _key(shop, ticket), told, "EX", TICKET_SECONDS)
        return ticket

    async def take(self, shop: ShopId, ticket: str, /) -> Principal | None:
        """Who it was given to, once; None for a ticket that is used, too old, another shop's or none at all."""
        if len(ticket) > LONGEST or not ticket.isascii():
            return None
        # Not twice: a ticket whose answer was lost is lost.
        told = await self._connection.command("GETDEL", _key(shop, ticket))
        if told is None:
            return None
        subject, scopes, expires_at = orjson.loads(told)
        return Principal(shop, frozenset(scopes), subject, expires_at)


def _key(shop: ShopId, ticket: str) -> bytes:
    return shop_keys(shop).ticket(sha256(ticket.encode()).digest())
