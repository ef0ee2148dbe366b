"""A Page moves to the shop that has its token. Both shops may act at the same time."""

import pytest

from domain.audit import Access
from domain.errors import PageInboxError
from domain.ids import PageId, PurgeId, ShopId
from domain.purge import Receipt
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState
from graph_client.claims import Claims
from tests.unit.graph_client.fakes import NoStore

SHOP, OTHER, PAGE = ShopId("shop-1"), ShopId("shop-2"), PageId("1")


class Conflict(PageInboxError):
    """Raised if another shop has the Page."""

    kind = "conflict"


class World(NoStore):
    """A Page of another shop. The other shop connects the Page again `insists` times."""

    def __init__(self, *, token: bool = False, insists: int = 0, full: bool = False) -> None:
        self.shop: ShopId | None = OTHER
        self.token, self.insists, self.full = token, insists, full
        self.entries: list[tuple[ShopId, Access]] = []
        self.purged: list[ShopId] = []
        self.claims = Claims(self, self, self)

    async def connect(self, shop: ShopId, page: PageId, /) -> Page:
        """Connect the Page unless another shop has it."""
        if self.full:
            raise Conflict("too_many_pages")
        if self.shop not in (None, shop):
            raise Conflict("page_of_another_shop")
        self.shop = shop
        return Page(page, 0)

    async def owner(self, page: PageId, /) -> ShopId | None:
        """Returns the shop of the Page."""
        assert page == PAGE
        return self.shop

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """Returns credentials with a token or without one."""
        assert (shop, page) == (OTHER, PAGE)
        return Credentials(Secret("x"), b"", PageState(0, token_alive=True)) if self.token else None

    async def purge_page(
        self, shop: ShopId, page: PageId, by: str, /, *, without_token: bool = False, limited: bool = True
    ) -> Receipt:
        """Purge the Page as the store does."""
        assert (page, without_token, limited) == (PAGE, True, False)
        if self.token:
            raise Conflict("page_of_another_shop")
        self.purged.append(shop)
        self.shop = None
        if self.insists:
            self.insists -= 1
            self.shop = OTHER
        return Receipt(PurgeId("p"), "page", 0, by, complete=True, messages_deleted=0)

    async def append(self, shop: ShopId, access: Access, /) -> None:
        """Record the entry."""
        self.entries.append((shop, access))


@pytest.mark.parametrize("insists", [0, 1, 2])
async def test_a_page_without_a_token_moves_to_the_shop_that_claims_it(insists: int) -> None:
    """The Page moves even if the other shop connects it again once or twice. Each purge is recorded in both audit
    logs before it happens.
    """
    world = World(insists=insists)
    await world.claims.claim(SHOP, PAGE)
    assert world.shop == SHOP
    assert world.purged == [OTHER] * (insists + 1)
    assert [(shop, entry.action, entry.subject) for shop, entry in world.entries] == [
        (OTHER, "disconnectPage", "facebook"),
        (SHOP, "connectPage", "facebook"),
    ] * (insists + 1)


@pytest.mark.parametrize("world", [World(token=True), World(full=True)], ids=["has a token", "the shop is full"])
async def test_a_refused_claim_changes_and_records_nothing(world: World) -> None:
    """The caller gets the registry's error."""
    with pytest.raises(Conflict):
        await world.claims.claim(SHOP, PAGE)
    assert (world.shop, world.purged, world.entries) == (OTHER, [], [])


async def test_a_shop_that_connects_again_and_again_ends_in_a_refusal() -> None:
    """There is no endless loop."""
    with pytest.raises(Conflict):
        await World(insists=9).claims.claim(SHOP, PAGE)
