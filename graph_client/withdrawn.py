"""Pages that a person, or the Page itself, has taken back from the app, as Facebook tells us.

Their tokens are dead already: Graph is asked nothing here, since it would refuse the very token that it is about.
"""

from typing import Protocol

from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.shop import Credentials, Receipt
from graph_client.account import TokenDied
from graph_client.errors import TokenDead


class Registry(Protocol):
    """Keeps tokens sealed."""

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """The token, opened. Raises kind not_found, or conflict where it cannot be opened any more."""
        ...


class Watched(Protocol):
    """Which Page is looked at when."""

    async def forget(self, page: PageId, /) -> None:
        """Look no more."""
        ...


class PagePurger(Protocol):
    """Takes a Page away."""

    async def purge_page(self, shop: ShopId, page: PageId, requested_by: str, /, *, limited: bool) -> Receipt:
        """Disconnect the Page, forget its token, purge what came for it. Raises kind not_found."""
        ...


class Withdrawn:
    """What becomes of such Pages. Every method raises kind unavailable when the store is."""

    def __init__(self, registry: Registry, watched: Watched, purger: PagePurger, *, token_died: TokenDied) -> None:
        self._registry = registry
        self._watched = watched
        self._purger = purger
        self._token_died = token_died

    async def mark_dead(self, shop: ShopId, page: PageId, /) -> None:
        """Have nobody call Graph for the Page until it is connected with a new token."""
        try:
            credentials = await self._registry.credentials(shop, page)
        except PageInboxError as error:
            if error.kind not in {"not_found", "conflict"}:
                raise
            return  # not the shop's any more, or a token that nobody can open: none is called with
        if credentials is not None and credentials.state.token_alive:
            await self._token_died(shop, page, credentials, TokenDead("deauthorized"))

    async def disconnect(self, shop: ShopId, page: PageId, requested_by: str, /) -> Receipt | None:
        """Forget the token and who granted it, purge what came for the Page; None where another did so meanwhile."""
        try:
            receipt = await self._purger.purge_page(shop, page, requested_by, limited=False)
        except PageInboxError as error:
            if error.kind != "not_found":
                raise
            receipt = None
        await self._watched.forget(page)
        return receipt
