"""The inbox that a command works on: the store, or a running service (remote.py). Both return the API's answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api.answers import one_page_answer, page_answer, receipt_answer, shop_answer
from app.parts import make_exporter
from app.remote import Remote
from app.tools import Tools
from domain.audit import OPERATOR
from domain.ids import ConversationId, MessageId, PageId, ShopId
from domain.secret import Secret
from domain.shop import Page


class Direct:
    """Uses the store and Facebook without a running service. Before each action it writes to the shop's audit log."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def shop(self, shop: ShopId) -> dict[str, Any]:
        """Reads the registry."""
        await self._tools.record(shop, "listPages")
        return shop_answer(await self._tools.store.shops.shop(shop)).model_dump()

    async def connect(self, shop: ShopId, page: PageId, token: Secret | None, history: bool) -> dict[str, Any]:
        """Does the same as the service."""
        await self._tools.record(shop, "connectPage", page, new=True)
        return page_answer(await self._tools.graph.pages.connect(shop, page, token, history=history)).model_dump()

    async def heal(self, shop: ShopId, page: PageId) -> dict[str, Any]:
        """Writes the request to the store; a running service does the work."""
        await self._tools.record(shop, "healPage", page)
        return await self._with_heal(shop, await self._tools.graph.healing.request(shop, page))

    async def page(self, shop: ShopId, page: PageId) -> dict[str, Any]:
        """Reads the registry."""
        await self._tools.record(shop, "readPage")
        return await self._with_heal(shop, await self._tools.store.shops.page(shop, page))

    async def _with_heal(self, shop: ShopId, page: Page) -> dict[str, Any]:
        return one_page_answer(page, await self._tools.graph.healing.progress(shop, page.id)).model_dump()

    async def disconnect(self, shop: ShopId, page: PageId) -> dict[str, Any]:
        """Does the same as the service."""
        await self._tools.record(shop, "disconnectPage", page)
        return receipt_answer(await self._tools.graph.pages.disconnect(shop, page, OPERATOR)).model_dump()

    async def purge(self, shop: ShopId, conversation: str | None, message: str | None) -> dict[str, Any]:
        """Does the same as the service."""
        purger = self._tools.store.purger
        if conversation:
            await self._tools.record(shop, "purgeConversation")
            receipt = await purger.purge_conversation(shop, ConversationId(conversation), OPERATOR, limited=False)
        elif message:
            await self._tools.record(shop, "purgeMessage")
            receipt = await purger.purge_message(shop, MessageId(message), OPERATOR, limited=False)
        else:
            await self._tools.record(shop, "purgeMessages")
            receipt = await purger.purge_shop(shop, OPERATOR, limited=False)
        return receipt_answer(receipt).model_dump()

    @asynccontextmanager
    async def export(self, shop: ShopId) -> AsyncIterator[AsyncIterator[bytes]]:
        """Reads the store."""
        await self._tools.record(shop, "exportShop")
        yield make_exporter(self._tools.store).parts(shop)

    async def erased(self, shop: ShopId, receipt: dict[str, Any]) -> dict[str, Any]:
        """Erases the messages in this process, because perhaps no service is running."""
        store = self._tools.store
        await store.eraser.finish()
        return receipt_answer(await store.purger.receipt(shop, receipt["purge_id"])).model_dump()


CommandTarget = Direct | Remote
"""The actions of commands. Every method raises `PageInboxError`, whose sentence is for people."""
