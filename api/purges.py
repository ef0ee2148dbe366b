"""The handlers with which a shop deletes what is kept, and reads the receipts of earlier deletions."""

from typing import Protocol

from starlette.responses import Response

from api.answers import receipt_answer
from api.call import AuthorizedCall, answer
from domain.ids import ConversationId, MessageId, Psid, PurgeId, ShopId
from domain.purge import Receipt


class Purger(Protocol):
    """Purges what is kept. Returns a receipt as soon as no replica can read the target any more."""

    async def purge_shop(self, shop: ShopId, requested_by: str, /) -> Receipt:
        """Purge everything that is kept of the shop."""
        ...

    async def purge_conversation(self, shop: ShopId, conversation: ConversationId, requested_by: str, /) -> Receipt:
        """Purge everything that is kept of one conversation."""
        ...

    async def purge_message(self, shop: ShopId, message: MessageId, requested_by: str, /) -> Receipt:
        """Purge one message."""
        ...

    async def receipt(self, shop: ShopId, purge: PurgeId, /) -> Receipt:
        """Returns the receipt of an earlier purge. Raises an error of kind not_found."""
        ...


class CustomerPurger(Protocol):
    """Purges by a customer's id."""

    async def purge(self, shop: ShopId, customer: Psid, requested_by: str, /) -> Receipt:
        """Purge everything that is kept of the customer, at each of the shop's Pages."""
        ...


class Purges:
    """The handlers."""

    def __init__(self, purger: Purger, customers: CustomerPurger) -> None:
        self._purger = purger
        self._customers = customers

    async def shop(self, call: AuthorizedCall) -> Response:
        """DELETE messages"""
        return _answer(await self._purger.purge_shop(call.shop, call.principal.subject))

    async def conversation(self, call: AuthorizedCall) -> Response:
        """DELETE conversations/{id}"""
        conversation = ConversationId(call.ids["id"])
        return _answer(await self._purger.purge_conversation(call.shop, conversation, call.principal.subject))

    async def message(self, call: AuthorizedCall) -> Response:
        """DELETE messages/{id}"""
        message = MessageId(call.ids["id"])
        return _answer(await self._purger.purge_message(call.shop, message, call.principal.subject))

    async def customer(self, call: AuthorizedCall) -> Response:
        """DELETE customers/{psid}"""
        customer = Psid(call.ids["psid"])
        return _answer(await self._customers.purge(call.shop, customer, call.principal.subject))

    async def receipt(self, call: AuthorizedCall) -> Response:
        """GET purges/{purge_id}"""
        return _answer(await self._purger.receipt(call.shop, PurgeId(call.ids["purge_id"])))


def _answer(receipt: Receipt) -> Response:
    return answer(receipt_answer(receipt))
