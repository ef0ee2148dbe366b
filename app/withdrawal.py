"""Handles the requests of a person who removes the app, or who wants the data from their account deleted.

The person is not a customer but the owner of a shop, who logged in and connected Pages. The request is about the Pages
whose tokens this person granted before the request. If the request is repeated, tokens that were granted later stay.
"""

import hmac
from base64 import b32encode
from collections.abc import Iterable
from typing import Final

import structlog

from cache.audit.recording import Recorder
from cache.graph.grants import Grants
from cache.purging.deletions import Deletions
from cache.purging.purge import Purger
from cache.registry.registry import Registry
from domain.audit import FACEBOOK, Access
from domain.ids import PageId, ShopId
from domain.purge import Deletion
from domain.secret import Secret
from domain.shop import Shop
from graph_client.page_remover import PageRemover
from webhook.signed_request import SignedRequest

_CODE_LETTERS: Final = 26
"""130 bits, so a code cannot be guessed."""

log = structlog.get_logger()


class Withdrawal:
    """Carries out Facebook's callbacks. Every method raises kind unavailable if the store is unavailable. Facebook may
    then repeat the callback. Steps that are done are not undone.
    """

    def __init__(
        self,
        grants: Grants,
        registry: Registry,
        pages: PageRemover,
        purger: Purger,
        deletions: Deletions,
        recorder: Recorder,
        *,
        key: Secret,
    ) -> None:
        self._grants = grants
        self._registry = registry
        self._pages = pages
        self._purger = purger
        self._deletions = deletions
        self._recorder = recorder
        self._key = key

    async def deauthorize(self, request: SignedRequest, client: str, now_ms: int) -> int:
        """Stop all calls with the person's tokens. Purge each shop that has no other usable Page. Returns the number of
        Pages."""
        pages = await self._pages_of(request, now_ms)
        for page, shop in pages.items():
            await self._recorder.record(shop, Access("deauthorize", FACEBOOK, client, page))
            await self._pages.mark_dead(shop, page)
        for shop in dict.fromkeys(pages.values()):
            if self._left(await self._registry.shop(shop), pages):
                log.info("deauthorized", shop=shop, what="pages")
            else:
                receipt = await self._purger.purge_shop(shop, FACEBOOK, limited=False)
                log.info("deauthorized", shop=shop, what="shop", purge_id=receipt.id)
        return len(pages)

    async def delete(self, request: SignedRequest, text: str, client: str, now_ms: int) -> tuple[str, int | None]:
        """Delete the person's data. Returns the code for the status page of the request, and the number of Pages that
        were disconnected. The number is None if an equal request was done before. `text` is the unchanged request.
        Equal requests have equal codes.
        """
        code = self._code(text)
        if await self._deletions.take(code, now_ms):
            return code, None
        pages = await self._pages_of(request, now_ms)
        for page, shop in pages.items():
            await self._recorder.record(shop, Access("deleteData", FACEBOOK, client, page))
            receipt = await self._pages.disconnect(shop, page, FACEBOOK)
            if receipt is not None:
                await self._deletions.wait_for(code, shop, receipt)
                log.info("data_deletion", shop=shop, page=page, purge_id=receipt.id)
        await self._deletions.begun(code)
        return code, len(pages)

    async def find(self, code: str) -> Deletion | None:
        """Returns the status of a deletion; None if the service did not make this code, or made it more than 90 days
        ago."""
        if not code.isascii() or not code.isalnum() or len(code) != _CODE_LETTERS:
            return None
        return await self._deletions.find(code)

    async def _pages_of(self, request: SignedRequest, now_ms: int) -> dict[PageId, ShopId]:
        """Returns the Pages that the request is about, each with its shop."""
        until = now_ms if request.issued_at is None else request.issued_at * 1000
        found = [] if request.person is None else await self._grants.pages_of(request.person, until)
        if request.page is not None and request.person is None:
            found += await self._grants.page_until(request.page, until)
        owners = {page: await self._registry.owner(page) for page in found}
        return {page: shop for page, shop in owners.items() if shop is not None}

    @staticmethod
    def _left(shop: Shop, withdrawn: Iterable[PageId]) -> bool:
        """Returns whether a Page of the shop that is not withdrawn has a live token or is connected for webhooks
        only."""
        without = set(withdrawn)
        return any(page.status != "reconnect" for page in shop.pages if page.id not in without)

    def _code(self, text: str) -> str:
        digest = hmac.digest(self._key.reveal_bytes(), b"data deletion code\0" + text.encode(), "sha256")
        return b32encode(digest).decode().lower()[:_CODE_LETTERS]
