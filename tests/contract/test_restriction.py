"""Paused Pages and blocked conversations: the step that writes a message also checks whether it must refuse it, on
every server.
"""

import time

import pytest

from cache.errors import NotFound
from cache.keys import shop_keys
from domain.ids import ConversationId, MessageId, PageId, Psid, ShopId
from domain.message import Edit, Unsend
from tests.contract.conftest import PAGE, SHOP, Box, text

OTHER_PAGE, NO_PAGE = PageId("104200000000002"), PageId("104200000000009")
ANNA, BORA = Psid("7000000000000011"), Psid("7000000000000012")
ANNAS = ConversationId(f"{PAGE}_{ANNA}")


def edit(mid: str, customer: Psid | None = ANNA, page: PageId = PAGE, number: int = 1) -> Edit:
    return Edit(MessageId(mid), page, customer, number, "edited", int(time.time() * 1000))


async def values(box: Box) -> list[bytes]:
    names = [key for key in await box.keys() if key.startswith(b"m:")]
    return [value for name in names if (value := await box.connection.command("GET", name))]


async def test_a_paused_page_stores_no_message_and_other_pages_continue(box: Box) -> None:
    """Messages, and edits that come before their messages, are refused. The state of the Page shows the pause."""
    await box.shops.connect(SHOP, OTHER_PAGE)
    assert (await box.shops.pause_page(SHOP, PAGE, paused=True)).paused
    assert (await box.shops.page(SHOP, PAGE)).paused
    assert [page.paused for page in (await box.shops.shop(SHOP)).pages] == [True, False]
    assert await box.put(text("m_1"), text("m_2", page=OTHER_PAGE), text("m_3")) == ["paused", "stored", "paused"]
    assert await box.put(edit("early"), edit("early", page=OTHER_PAGE)) == ["paused", "edit_waiting"]
    assert not (await box.shops.pause_page(SHOP, PAGE, paused=False)).paused
    assert await box.put(text("m_1")) == ["stored"]
    assert await box.ids() == ["m_1", "m_2"]


async def test_a_pause_ends_at_its_time_without_a_further_write(box: Box) -> None:
    """The pause may be of a shop or of a Page. After its end, messages and early edits are stored, and readers of the
    state see no pause.
    """
    now = int(time.time() * 1000)
    later, earlier = now + 3_600_000, now - 1
    shop = await box.shops.pause(SHOP, True, later)
    assert (shop.paused, shop.paused_until) == (True, later)
    assert await box.put(text("m_1"), edit("early")) == ["paused", "paused"]
    shop = await box.shops.pause(SHOP, True, earlier)
    assert (shop.paused, shop.paused_until) == (False, None)
    assert await box.put(text("m_1"), edit("early")) == ["stored", "edit_waiting"]
    page = await box.shops.pause_page(SHOP, PAGE, True, later)
    assert (page.paused, page.paused_until) == (True, later)
    assert (await box.shops.shop(SHOP)).pages == (page,)
    assert await box.put(text("m_2"), edit("early_2")) == ["paused", "paused"]
    page = await box.shops.pause_page(SHOP, PAGE, True, earlier)
    assert (page.paused, page.paused_until) == (False, None)
    assert await box.put(text("m_2"), edit("early_2")) == ["stored", "edit_waiting"]


async def test_a_paused_page_still_applies_edits_and_unsends_to_stored_messages(box: Box) -> None:
    """A paused shop does the same, because an unsent message must be removed."""
    await box.put(text("m_1", customer=ANNA), text("m_2", customer=ANNA))
    await box.shops.pause_page(SHOP, PAGE, paused=True)
    assert await box.put(edit("m_1"), Unsend(MessageId("m_2"), PAGE, None)) == ["edited", "unsent"]
    assert [message["text"] for message in await box.read()] == ["edited"]


async def test_a_shop_pauses_only_its_own_pages_and_a_disconnect_ends_the_pause(box: Box) -> None:
    """A shop cannot pause another shop's Page. A Page that is connected again is not paused."""
    for shop, page in ((SHOP, NO_PAGE), (ShopId("shop-2"), PAGE)):
        with pytest.raises(NotFound):
            await box.shops.pause_page(shop, page, paused=True)
    await box.shops.pause_page(SHOP, PAGE, paused=True)
    assert (await box.shops.connect(SHOP, PAGE)).paused, "a deploy script connects again and changes nothing"
    await box.purger.purge_page(SHOP, PAGE, "owner")
    assert not (await box.shops.connect(SHOP, PAGE)).paused


async def test_a_blocked_conversation_stores_no_message_and_other_conversations_continue(box: Box) -> None:
    """Messages of the customer and of the Page are refused until the block ends."""
    assert await box.blocked.since(SHOP, ANNAS) is None
    before = int(time.time() * 1000) - 60_000
    since = await box.blocked.block(SHOP, ANNAS)
    assert before < since < before + 120_000
    assert await box.blocked.block(SHOP, ANNAS) == since == await box.blocked.since(SHOP, ANNAS)
    outcomes = await box.put(
        text("m_1", customer=ANNA), text("m_2", customer=BORA), text("m_3", customer=ANNA, direction="out")
    )
    assert outcomes == ["blocked", "stored", "blocked"]
    assert await box.put(edit("early"), edit("late", BORA)) == ["blocked", "edit_waiting"]
    assert await box.ids() == ["m_2"]
    assert len(await values(box)) == 2
    await box.blocked.lift(SHOP, ANNAS)
    assert await box.blocked.since(SHOP, ANNAS) is None
    assert await box.put(text("m_1", customer=ANNA)) == ["stored"]
    assert shop_keys(SHOP).blocked not in await box.keys(), "the last that is lifted takes the key along"


async def test_an_edit_does_not_change_a_stored_message_of_a_blocked_conversation(box: Box) -> None:
    """The block left the stored messages in the store. An unsend still removes one of them."""
    await box.put(text("m_1", "before", customer=ANNA))
    await box.blocked.block(SHOP, ANNAS)
    assert await box.put(edit("m_1")) == ["blocked"]
    assert [message["text"] for message in await box.read()] == ["before"]
    assert await box.put(Unsend(MessageId("m_1"), PAGE, None)) == ["unsent"]
    assert await box.ids() == []


async def test_a_waiting_edit_without_a_customer_is_deleted_when_its_message_is_refused(box: Box) -> None:
    """Otherwise the text of the edit would stay in the store for five days."""
    await box.blocked.block(SHOP, ANNAS)
    assert await box.put(edit("m_1", None)) == ["edit_waiting"]
    assert len(await values(box)) == 1
    assert await box.put(text("m_1", customer=ANNA)) == ["blocked"]
    assert await values(box) == []
    assert shop_keys(SHOP).waiting_edits not in await box.keys()


async def test_a_block_stays_after_purges_and_a_disconnect_of_the_page(box: Box) -> None:
    """An objection is valid until the shop ends the block. The stored block names no person."""
    await box.put(text("m_1", customer=ANNA))
    await box.blocked.block(SHOP, ANNAS)
    await box.purger.purge_shop(SHOP, "owner")
    await box.purger.purge_page(SHOP, PAGE, "owner")
    await box.erased()
    await box.shops.connect(SHOP, PAGE)
    assert await box.put(text("m_2", customer=ANNA, sent_at=int(time.time() * 1000) + 1000)) == ["blocked"]
    kept = await box.connection.command("ZRANGE", shop_keys(SHOP).blocked, 0, -1)
    assert kept == [shop_keys(SHOP).conversation_tag(ANNAS)]
    assert await box.connection.command("TTL", shop_keys(SHOP).blocked) == -1


async def test_only_a_conversation_with_one_of_the_shops_pages_can_be_blocked(box: Box) -> None:
    """A mistyped id would block no conversation. Each shop has its own blocks."""
    for shop, page in ((SHOP, NO_PAGE), (ShopId("shop-2"), PAGE), (SHOP, PageId(PAGE[:-1]))):
        with pytest.raises(NotFound):
            await box.blocked.block(shop, ConversationId(f"{page}_{ANNA}"))
    assert [key for key in await box.keys() if key.startswith(b"x:")] == []


async def test_a_customer_is_deleted_at_every_page_by_the_id_alone(box: Box) -> None:
    """One receipt covers all Pages. Waiting edits are deleted, and events that arrive late are not stored. The data of
    other customers stay.
    """
    await box.shops.connect(SHOP, OTHER_PAGE)
    before = int(time.time() * 1000) - 5
    for page in (PAGE, OTHER_PAGE):
        await box.put(*(text(f"{page}-{n}", page=page, customer=ANNA) for n in range(3)))
        await box.put(text(f"{page}-b", page=page, customer=BORA))
    await box.put(edit("early"), edit("early-b", BORA))
    receipt = await box.customers.purge(SHOP, ANNA, "owner")
    assert len(await box.ids()) == 2
    await box.erased()
    done = await box.purger.receipt(SHOP, receipt.id)
    assert (done.what, done.complete, done.messages_deleted, done.requested_by) == ("customer", True, 6, "owner")
    assert len(await values(box)) == 3
    assert await box.put(text("late", customer=ANNA, sent_at=before)) == ["erased"]
    fields = await box.connection.command("HGETALL", shop_keys(SHOP).purge(receipt.id))
    assert ANNA not in repr(fields)
    again = await box.customers.purge(SHOP, ANNA, "owner")
    await box.erased()
    assert (await box.purger.receipt(SHOP, again.id)).messages_deleted == 0


async def test_a_customer_of_a_shop_without_pages_is_deleted_too(box: Box) -> None:
    """The shop has no data of the customer, and the receipt says so."""
    receipt = await box.customers.purge(ShopId("shop-2"), ANNA, "owner")
    await box.erased()
    assert (await box.purger.receipt(ShopId("shop-2"), receipt.id)).complete


async def test_a_purge_of_listed_customers_deletes_those_with_stored_data(box: Box) -> None:
    """Each unknown id costs one lookup and stores nothing, even if the list has thousands."""
    listed = [Psid(f"{7_000_000_000_100_000 + n}") for n in range(2500)]
    await box.put(*(text(f"m_{n}", customer=listed[n * 4]) for n in range(600)))
    await box.put(text("other", customer=BORA))
    await box.put(edit("early", listed[-1]))
    receipts = await box.customers.purge_kept(SHOP, listed, "operator")
    assert await box.ids() == ["other"]
    await box.erased()
    assert [(await box.purger.receipt(SHOP, r.id)).messages_deleted for r in receipts] == [500, 100]
    assert len(await values(box)) == 1
    assert await box.customers.purge_kept(SHOP, listed, "operator") == []
    assert await box.customers.purge_kept(ShopId("shop-2"), listed, "operator") == []


async def test_every_shop_is_found_by_its_record(box: Box) -> None:
    """Each shop is found once, for every form of its name."""
    odd = ShopId("ហាង {x} 100%")
    await box.shops.pause(odd, paused=False)
    assert await box.shops.shop_ids() == sorted([SHOP, odd])
