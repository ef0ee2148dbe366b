"""Blocked conversations. A customer has objected, so no further message of the conversation is stored."""

from typing import Protocol

from starlette.responses import Response

from api.answers import blocked_answer
from api.call import AuthorizedCall, answer
from api.params import BlockQuery
from api.purges import Purger
from domain.ids import ConversationId, ShopId


class Blocks(Protocol):
    """The blocked conversations of a shop. Times are milliseconds."""

    async def block(self, shop: ShopId, conversation: ConversationId, /) -> int:
        """Store no further message of the conversation. Returns the time of the block. Raises kind not_found if the
        Page is not the shop's.
        """
        ...

    async def lift(self, shop: ShopId, conversation: ConversationId, /) -> None:
        """Store messages of the conversation again."""
        ...

    async def since(self, shop: ShopId, conversation: ConversationId, /) -> int | None:
        """Returns the time of the block, or None if the conversation is not blocked."""
        ...


class Blocked:
    """The handlers."""

    def __init__(self, blocks: Blocks, purger: Purger) -> None:
        self._blocks = blocks
        self._purger = purger

    async def put(self, call: AuthorizedCall) -> Response:
        """PUT conversations/{id}/blocked: first stop storing new messages, then delete the stored messages."""
        conversation = ConversationId(call.ids["id"])
        since = await self._blocks.block(call.shop, conversation)
        if call.query_as(BlockQuery).keep_messages:
            return answer(blocked_answer(conversation, since))
        receipt = await self._purger.purge_conversation(call.shop, conversation, call.principal.subject)
        return answer(blocked_answer(conversation, since, receipt))

    async def lift(self, call: AuthorizedCall) -> Response:
        """DELETE conversations/{id}/blocked"""
        conversation = ConversationId(call.ids["id"])
        await self._blocks.lift(call.shop, conversation)
        return answer(blocked_answer(conversation, None))

    async def state(self, call: AuthorizedCall) -> Response:
        """GET conversations/{id}/blocked"""
        conversation = ConversationId(call.ids["id"])
        return answer(blocked_answer(conversation, await self._blocks.since(call.shop, conversation)))
