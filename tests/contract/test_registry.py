"""What the registry stores about a Page, on every server."""

import time
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from cache.errors import NotFound, PageTaken, SealBroken, SealKeysMissing
from cache.keys import shop_keys
from cache.registry.registry import Registry
from cache.registry.routes import Routes
from cache.sealing import Sealer
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.message import Edit, Unsend
from domain.secret import Secret
from domain.shop import PageState
from tests.contract.conftest import PAGE, SHOP, Box, make_box, text
from tests.service import SEAL_KEY
from tests.support import wait_until

OTHER_PAGE = PageId("104200000000002")
TOKEN = Secret("token-of-a-page-104200000000001")
STATE = PageState(1_790_000_000_000, token_alive=True, subscribed_fields=("messages",), missing_permissions=("a", "b"))
NEWER_KEY = Secret(b64encode(b"a newer key of the contract test").decode())


def sealer(*keys: Secret) -> Sealer:
    """Returns a sealer with a new nonce for each value."""
    return Sealer(keys, new_nonce=lambda size: time.time_ns().to_bytes(size))


async def record(box: Box) -> dict[str, Any]:
    """Returns the shop's record as the server has it."""
    names = await box.connection.command("HKEYS", shop_keys(SHOP).registry)
    values = await box.connection.command("HMGET", shop_keys(SHOP).registry, *names)
    return dict(zip([name.decode() for name in names], values, strict=True))


async def test_a_token_is_stored_encrypted_and_read_back_decrypted(box: Box) -> None:
    """The read returns the state of the token too. Nothing that the server stores shows the token."""
    assert await box.shops.credentials(SHOP, PAGE) is None
    kept = await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    assert (kept.id, kept.state, kept.status) == (PAGE, STATE, "connected")
    credentials = await box.shops.credentials(SHOP, PAGE)
    assert credentials is not None
    assert (credentials.token, credentials.state) == (TOKEN, STATE)
    assert all(TOKEN.reveal_bytes() not in value for value in (await record(box)).values())
    assert await box.shops.page(SHOP, PAGE) == kept
    assert (await box.shops.shop(SHOP)).pages == (kept,)
    assert await box.shops.page_ids(SHOP) == [PAGE]


async def test_a_page_of_another_shop_has_no_state_and_no_token_for_this_shop(box: Box) -> None:
    """A Page of another shop and an unknown Page get the same answer. Nothing is written for the Page."""
    stranger = ShopId("shop-2")
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    for shop, page in ((SHOP, OTHER_PAGE), (stranger, PAGE)):
        with pytest.raises(NotFound):
            await box.shops.page(shop, page)
        with pytest.raises(NotFound):
            await box.shops.credentials(shop, page)
        with pytest.raises(NotFound):
            await box.shops.keep_token(shop, page, TOKEN, STATE)
        assert not await box.shops.note_state(shop, page, b"seal", STATE)
    assert await box.shops.page_ids(stranger) == []
    assert sorted(await record(box)) == [f"p:{PAGE}", f"s:{PAGE}", f"t:{PAGE}"]


async def test_connecting_again_keeps_time_token_and_state(box: Box) -> None:
    """A deploy script connects the Pages again each time."""
    kept = await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    assert await box.shops.connect(SHOP, PAGE) == kept
    assert await box.shops.credentials(SHOP, PAGE) is not None


async def test_a_state_of_an_old_token_is_not_stored_for_a_newer_token(box: Box) -> None:
    """A late answer about the old token must not mark the new token as dead."""
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    old = await box.shops.credentials(SHOP, PAGE)
    assert old is not None
    dead = PageState(1, token_alive=False, reason="password_changed", heal_since=5)
    assert await box.shops.note_state(SHOP, PAGE, old.seal, dead)
    page = await box.shops.page(SHOP, PAGE)
    assert (page.state, page.status) == (dead, "reconnect")
    renewed = await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    assert not await box.shops.note_state(SHOP, PAGE, old.seal, dead)
    assert await box.shops.page(SHOP, PAGE) == renewed


async def test_disconnecting_forgets_token_state_and_budgets_in_the_same_step(box: Box) -> None:
    """If the shop connects the Page again, it finds no old token, state or budget."""
    await box.shops.connect(SHOP, OTHER_PAGE)
    for page in (PAGE, OTHER_PAGE):
        await box.put(text("m_1", page=page))
        await box.shops.keep_token(SHOP, page, TOKEN, STATE)
        await box.budgets.hold(SHOP, page, "pages", 60)
    await box.purger.purge_page(SHOP, PAGE, "owner")
    left = await record(box)
    assert [name for name in left if name.endswith(PAGE)] == []
    assert len([name for name in left if name.endswith(OTHER_PAGE)]) == 4
    assert [key for key in await box.keys() if key.startswith(b"b:")] == [shop_keys(SHOP).budget(OTHER_PAGE)]
    with pytest.raises(NotFound):
        await box.shops.credentials(SHOP, PAGE)
    again = await box.shops.connect(SHOP, PAGE)
    assert (again.state, again.last_event_at, again.status) == (None, None, "webhooks_only")
    assert (await box.budgets.enter(SHOP, PAGE, "pages", spacing=0, patience=0)).held == 0


async def test_a_page_with_a_token_is_not_taken_from_its_shop(box: Box) -> None:
    """The step that would take the Page checks for the token, because the shop may have added the token a moment
    before.
    """
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    with pytest.raises(PageTaken):
        await box.purger.purge_page(SHOP, PAGE, "facebook", without_token=True)
    assert (await box.shops.page(SHOP, PAGE)).status == "connected"
    await box.purger.purge_page(SHOP, PAGE, "owner")
    await box.shops.connect(SHOP, PAGE)
    assert (await box.purger.purge_page(SHOP, PAGE, "facebook", without_token=True)).what == "page"
    with pytest.raises(NotFound):
        await box.shops.page(SHOP, PAGE)


async def test_purging_a_shop_leaves_its_pages_connected_with_their_tokens(box: Box) -> None:
    """A purge deletes messages and no Pages."""
    kept = await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    await box.purger.purge_shop(SHOP, "owner")
    assert await box.shops.page(SHOP, PAGE) == kept


async def test_a_token_under_an_older_key_is_read_and_encrypted_again_with_the_newest_key(box: Box) -> None:
    """The older key must stay until every token is encrypted with the newer key."""
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    turning = make_box(box.connection, seal_keys=(NEWER_KEY, SEAL_KEY)).shops
    old = await turning.credentials(SHOP, PAGE)
    assert old is not None
    assert await turning.reseal(SHOP, PAGE, old)
    new = await turning.credentials(SHOP, PAGE)
    assert new is not None
    assert (new.token, new.state) == (TOKEN, STATE)
    assert not await turning.reseal(SHOP, PAGE, new), "it is sealed with the newest"
    assert not await turning.reseal(SHOP, PAGE, old), "another has done it already"
    turned = make_box(box.connection, seal_keys=(NEWER_KEY,)).shops
    assert (await turned.credentials(SHOP, PAGE)) == new
    with pytest.raises(SealBroken) as caught:
        await box.shops.credentials(SHOP, PAGE)
    assert (caught.value.kind, caught.value.reason) == ("conflict", "reconnect_page")
    assert (await box.shops.page(SHOP, PAGE)).state == STATE, "what is known of it needs no key"


async def test_a_token_copied_to_another_page_cannot_be_decrypted(box: Box) -> None:
    """A person who can write to Redis cannot use one Page's token for another Page."""
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    await box.shops.connect(SHOP, OTHER_PAGE)
    fields = await record(box)
    moved = (f"t:{OTHER_PAGE}", fields[f"t:{PAGE}"], f"s:{OTHER_PAGE}", fields[f"s:{PAGE}"])
    await box.connection.command("HSET", shop_keys(SHOP).registry, *moved)
    with pytest.raises(SealBroken):
        await box.shops.credentials(SHOP, OTHER_PAGE)
    with pytest.raises(SealBroken):
        await box.budgets.enter(SHOP, OTHER_PAGE, "pages", spacing=0, patience=0)


async def test_a_token_is_not_stored_without_a_key(box: Box) -> None:
    """The service never stores an unencrypted token."""
    keyless = make_box(box.connection, seal_keys=()).shops
    with pytest.raises(SealKeysMissing):
        await keyless.keep_token(SHOP, PAGE, TOKEN, STATE)
    assert await box.shops.credentials(SHOP, PAGE) is None


async def test_the_time_of_the_last_event_of_a_page_is_stored(box: Box) -> None:
    """The time is noted for stored and refused events, because a Page with deliveries is not silent."""
    await box.shops.connect(SHOP, OTHER_PAGE)

    async def last(page: PageId = PAGE) -> int | None:
        return (await box.shops.page(SHOP, page)).last_event_at

    async def comes(*events: Any) -> None:
        """Put events, when the noted time of the last event is long ago. The noted time must then be about now."""
        await box.connection.command("HSET", shop_keys(SHOP).registry, f"l:{PAGE}", 1)
        began = int(time.time() * 1000)
        await box.put(*events)
        noted = await last()
        assert noted is not None
        assert abs(noted - began) < 5_000

    assert await last() is None
    await comes(text("m_1"))
    first = await last()
    await box.put(text("m_2"), text("m_3"))
    await wait_until(lambda: _moved(box, first))
    await comes(text("m_1"))
    await comes(text("m_1"), text("m_4", page=PageId("104200000000009")))
    await comes(Edit(MessageId("m_1"), PAGE, Psid("7000000000000001"), 1, "x", None))
    await comes(Unsend(MessageId("m_1"), PAGE, None))
    await box.shops.pause(SHOP, paused=True)
    await comes(text("m_5"))
    assert await last(OTHER_PAGE) is None
    assert f"l:{PageId('104200000000009')}" not in await record(box)


async def _moved(box: Box, first: int | None) -> bool:
    """Store one event. Returns True if the noted time has changed. The time changes only if more than a second has
    passed.
    """
    await box.put(text("again"))
    noted = (await box.shops.page(SHOP, PAGE)).last_event_at
    assert noted is not None
    assert first is not None
    assert noted == first or noted > first + 1_000
    return noted > first


async def test_a_last_event_time_in_the_future_is_corrected(box: Box) -> None:
    """Without the correction, the Page could not count as silent before the real time reaches the noted time."""
    ahead = int(time.time() * 1000) + 86_400_000
    await box.connection.command("HSET", shop_keys(SHOP).registry, f"l:{PAGE}", ahead)
    await box.put(text("m_1"))
    noted = (await box.shops.page(SHOP, PAGE)).last_event_at
    assert noted is not None
    assert noted < ahead - 80_000_000


async def test_a_repeated_write_of_the_state_of_a_page_adds_no_field(box: Box) -> None:
    """The state is one field and not a growing list of fields."""
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    credentials = await box.shops.credentials(SHOP, PAGE)
    assert credentials is not None
    for moment in range(5):
        assert await box.shops.note_state(SHOP, PAGE, credentials.seal, replace(STATE, checked_at=moment))
    assert len(await record(box)) == 3


class RestoredMeanwhile:
    """A registry whose data are restored during a lookup: after the first look for the Page's shop, and before the
    check of the marks.
    """

    def __init__(self, shops: Registry) -> None:
        self.looks = 0
        self.check_marks = shops.check_marks
        self._claimant = shops.claimant

    async def claimant(self, page: PageId) -> ShopId | None:
        """Returns no shop at the first look, and the true shop at each later look."""
        self.looks += 1
        return None if self.looks == 1 else await self._claimant(page)


async def test_a_page_is_found_if_redis_is_restored_during_the_lookup(box: Box) -> None:
    """If the Page counted as unknown, its delivery would be answered 200 and dropped."""
    await box.shops.connect(SHOP, PAGE)
    meanwhile: Any = RestoredMeanwhile(box.shops)
    route = await Routes(box.connection, meanwhile, box.secrets).find(PAGE)
    assert route is not None
    assert route.shop == SHOP
