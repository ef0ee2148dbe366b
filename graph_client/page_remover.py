"""Handles Pages that a person, or the Page itself, has removed from the app. A callback of Facebook reports this. The
tokens of these Pages are dead, so this module does not call Graph.
"""

from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.purge import Receipt
from graph_client.account import TokenDied
from graph_client.errors import TokenDead
from graph_client.store import Purger, Registry, Watchlist


class PageRemover:
    """Handles removed Pages. Every method raises kind `unavailable` when the store is unavailable."""

    def __init__(self, registry: Registry, watched: Watchlist, purger: Purger, *, token_died: TokenDied) -> None:
        self._registry = registry
        self._watched = watched
        self._purger = purger
        self._token_died = token_died

    async def mark_dead(self, shop: ShopId, page: PageId, /) -> None:
        """Mark the token dead, so that nothing calls Graph for this Page until it is connected with a new token."""
        try:
            credentials = await self._registry.credentials(shop, page)
        except PageInboxError as error:
            if error.kind not in {"not_found", "conflict"}:
                raise
            return  # the Page left the shop, or its token cannot be decrypted: no call uses it
        if credentials is not None and credentials.state.token_alive:
            await self._token_died(shop, page, credentials, TokenDead("deauthorized"))

    async def disconnect(self, shop: ShopId, page: PageId, requested_by: str, /) -> Receipt | None:
        """Delete the token, the record of who granted it, and the messages of the Page. Returns None if it was
        disconnected before.
        """
        try:
            receipt = await self._purger.purge_page(shop, page, requested_by, limited=False)
        except PageInboxError as error:
            if error.kind != "not_found":
                raise
            receipt = None
        await self._watched.forget(page)
        return receipt
