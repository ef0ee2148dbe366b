"""Disconnected Pages are marked or removed, even if a step fails."""

from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from domain.errors import Kind, PageInboxError
from domain.ids import PageId, PurgeId, ShopId
from domain.purge import Receipt
from domain.shop import Credentials, PageState
from graph_client.errors import TokenDead
from graph_client.page_remover import PageRemover
from tests.unit.graph_client.fakes import CREDENTIALS, PAGE, SHOP, TOKEN, NoStore

DONE = Receipt(PurgeId("purge-1"), "page", 1, "facebook", complete=True, messages_deleted=3)


class Missing(PageInboxError):
    """Raised when the shop no longer has the Page."""

    kind: ClassVar[Kind] = "not_found"


class Broken(PageInboxError):
    """Raised when the key that opens the token is missing."""

    kind: ClassVar[Kind] = "conflict"


class Gone(PageInboxError):
    """Raised when the store does not answer."""

    kind: ClassVar[Kind] = "unavailable"


@dataclass
class World(NoStore):
    """Registry, watchlist and purger. `told` records the calls."""

    found: Credentials | PageInboxError | None = CREDENTIALS
    fails: PageInboxError | None = None
    told: list[str] = field(default_factory=list)

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        if isinstance(self.found, PageInboxError):
            raise self.found
        return self.found

    async def forget(self, page: PageId, /) -> None:
        self.told.append("forget")

    async def purge_page(
        self, shop: ShopId, page: PageId, by: str, /, *, without_token: bool = False, limited: bool = True
    ) -> Receipt:
        assert (without_token, limited) == (False, False)
        if self.fails:
            raise self.fails
        self.told.append(f"purge {by}")
        return DONE

    async def died(self, shop: ShopId, page: PageId, credentials: Credentials, error: TokenDead) -> None:
        self.told.append(error.token_reason)

    @property
    def withdrawn(self) -> PageRemover:
        return PageRemover(self, self, self, token_died=self.died)


DEAD = Credentials(TOKEN, b"seal", PageState(1, token_alive=False, reason="expired"))


@pytest.mark.parametrize("found", [None, DEAD, Missing("page_not_found"), Broken("reconnect_page")])
async def test_a_page_without_a_valid_token_is_not_marked_dead(found: Credentials | PageInboxError | None) -> None:
    """No call uses such a token, and the reason of its death is not replaced."""
    world = World(found)
    await world.withdrawn.mark_dead(SHOP, PAGE)
    assert world.told == []


async def test_a_valid_token_is_marked_dead_with_its_reason() -> None:
    """The state has the reason."""
    world = World()
    await world.withdrawn.mark_dead(SHOP, PAGE)
    assert world.told == ["deauthorized"]


async def test_a_page_is_removed_only_once() -> None:
    """If two replicas are asked, the second finds no Page. In any case the Page is no longer watched."""
    world = World()
    assert await world.withdrawn.disconnect(SHOP, PAGE, "facebook") == DONE
    world.fails = Missing("page_not_found")
    assert await world.withdrawn.disconnect(SHOP, PAGE, "facebook") is None
    assert world.told == ["purge facebook", "forget", "forget"]


async def test_an_unreachable_store_leaves_no_step_half_done() -> None:
    """The answer asks Facebook to try again."""
    world = World(Gone("redis_unreachable"), Gone("redis_unreachable"))
    with pytest.raises(Gone):
        await world.withdrawn.mark_dead(SHOP, PAGE)
    with pytest.raises(Gone):
        await world.withdrawn.disconnect(SHOP, PAGE, "facebook")
    assert world.told == []
