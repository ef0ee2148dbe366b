"""Blocked conversations: a customer objects, and nothing that is said with them is stored any more."""

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from api.call import answer, call_of
from api.messages import told_receipt
from api.params import BlockQuery
from domain.ids import ConversationId, ShopId
from domain.moment import rfc3339
from domain.shop import Receipt


class Blocks(Protocol):
    """Knows what a shop has blocked; times in milliseconds."""

    async def block(self, shop: ShopId, conversation: ConversationId, /) -> int:
        """Store nothing more of it; since when. Raises kind not_found for one of a Page that is not the shop's."""
        ...

    async def lift(self, shop: ShopId, conversation: ConversationId, /) -> None:
        """Store it again."""
        ...

    async def since(self, shop: ShopId, conversation: ConversationId, /) -> int | None:
        """When it was blocked; None where it is not."""
        ...


class ConversationPurger(Protocol):
    """Deletes what is kept of one."""

    async def purge_conversation(self, shop: ShopId, conversation: ConversationId, requested_by: str, /) -> Receipt:
        """Everything kept of one conversation."""
        ...


class Blocked:
    """The handlers."""

    def __init__(self, blocks: Blocks, purger: ConversationPurger) -> None:
        self._blocks = blocks
        self._purger = purger

    async def put(self, request: Request) -> Response:
        """PUT conversations/{id}/blocked: first nothing more comes in, then what is there goes."""
        call = call_of(request)
        conversation = ConversationId(call.ids["id"])
        since = await self._blocks.block(call.shop, conversation)
        if call.asked(BlockQuery).keep_messages:
            return answer(_told(conversation, since))
        receipt = await self._purger.purge_conversation(call.shop, conversation, call.principal.subject)
        return answer(_told(conversation, since) | {"purge": told_receipt(receipt)})

    async def lift(self, request: Request) -> Response:
        """DELETE conversations/{id}/blocked"""
        call = call_of(request)
        conversation = ConversationId(call.ids["id"])
        await self._blocks.lift(call.shop, conversation)
        return answer(_told(conversation, None))

    async def state(self, request: Request) -> Response:
        """GET conversations/{id}/blocked"""
        call = call_of(request)
        conversation = ConversationId(call.ids["id"])
        return answer(_told(conversation, await self._blocks.since(call.shop, conversation)))


def _told(conversation: ConversationId, since: int | None) -> dict[str, Any]:
    told: dict[str, Any] = {"conversation_id": conversation, "blocked": since is not None}
    return told if since is None else told | {"since": rfc3339(since)}
