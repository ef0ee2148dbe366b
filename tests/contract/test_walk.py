"""The data of an export on every server: all messages and all receipts of a shop, oldest first."""

import time

import orjson

from cache.keys import RECEIPT_SECONDS, shop_keys
from cache.messages.reader import WALKED_PER_CALL
from cache.purging.receipt_signature import ReceiptSigner
from cache.purging.receipts import Receipts
from cache.server.scan import scored
from domain.ids import PageId, Psid, conversation_of
from tests.contract.conftest import PAGE, SHOP, Box, text
from tests.service import SEAL_KEY


async def walked(box: Box) -> list[str]:
    """Returns the ids of all messages in the order of the walk."""
    return [orjson.loads(one.content)["id"] for some in [s async for s in box.reader.walk(SHOP)] for one in some]


async def test_a_walk_returns_every_message_once_with_the_oldest_first(box: Box) -> None:
    """The walk has several steps, and the last step may be full. Each message has the form of the API's answer."""
    ids = [f"m_{number}" for number in range(2 * WALKED_PER_CALL)]
    await box.put(*map(text, ids))
    assert await walked(box) == (await box.ids())[::-1]
    assert set(await walked(box)) == set(ids)
    assert await box.reader.count(SHOP) == len(ids)
    await box.put(text("m_one_more"))
    assert len(await walked(box)) == len(ids) + 1


async def test_a_walk_of_a_shop_without_messages_is_empty(box: Box) -> None:
    assert await walked(box) == []
    assert await box.reader.count(SHOP) == 0


async def test_a_walk_leaves_out_messages_that_arrive_or_are_purged_during_it(box: Box) -> None:
    """The test purges a message, a conversation, a Page and the whole shop. Messages that the walk has already returned
    do not change.
    """
    other_page, other = PageId("104200000000002"), Psid("7000000000000002")
    await box.shops.connect(SHOP, other_page)
    await box.put(*(text(f"m_{number}") for number in range(WALKED_PER_CALL)))
    await box.put(text("m_message"), text("m_conversation", customer=other), text("m_page", page=other_page))
    await box.put(text("m_stays"))
    walk = box.reader.walk(SHOP)
    assert len(await anext(walk)) == WALKED_PER_CALL
    await box.purger.purge_message(SHOP, text("m_message").id, "owner")
    await box.purger.purge_conversation(SHOP, conversation_of(PAGE, other), "owner")
    await box.purger.purge_page(SHOP, other_page, "owner")
    await box.put(text("m_late"))
    assert [orjson.loads(one.content)["id"] for some in [s async for s in walk] for one in some] == ["m_stays"]

    walk = box.reader.walk(SHOP)
    assert len(await anext(walk)) == WALKED_PER_CALL
    await box.purger.purge_shop(SHOP, "owner")
    assert [s async for s in walk] == []
    assert await box.reader.count(SHOP) == 0
    await box.erased()


async def test_a_walk_leaves_out_messages_that_are_hidden_but_not_yet_erased(box: Box) -> None:
    """From the purge's answer on, a watermark of the shop, of the Page or of the conversation hides the messages."""
    keys = shop_keys(SHOP)
    await box.put(*(text(f"m_{number}") for number in range(3)))
    (_, second, third) = scored(await box.connection.command("ZRANGE", keys.shop_index, 0, -1, "WITHSCORES"))
    await box.connection.command("HSET", keys.registry, "watermark", second[1])
    assert await walked(box) == ["m_2"]
    tag = keys.conversation_tag(conversation_of(PAGE, Psid("7000000000000001")))
    await box.connection.command("SET", b"w:" + keys.hash_tag + b":" + tag, third[1], "EX", 60)
    assert await walked(box) == ["m_2"], "nobody has said yet that there are such watermarks"
    await box.connection.command("HSET", keys.registry, "narrow", third[1] + 60_000_000)
    assert await walked(box) == []


async def test_all_receipts_are_walked_oldest_first(box: Box) -> None:
    """The walk returns the receipts of all kinds of purges with their present state. It returns no receipt that is
    older than 30 days.
    """
    await box.put(text("m_1"), text("m_2"), text("m_3"))
    made = [
        await box.purger.purge_message(SHOP, text("m_1").id, "owner"),
        await box.purger.purge_conversation(SHOP, conversation_of(PAGE, Psid("7000000000000001")), "dara"),
        await box.purger.purge_shop(SHOP, "owner"),
        await box.purger.purge_page(SHOP, PAGE, "operator"),
    ]
    await box.erased()
    signer = ReceiptSigner([SEAL_KEY])
    receipts = Receipts(box.connection, signer, now=time.time)
    found = [receipt async for receipt in receipts.walk(SHOP)]
    assert [receipt.id for receipt in found] == [receipt.id for receipt in made]
    assert found == [await box.purger.receipt(SHOP, receipt.id) for receipt in made]
    later = Receipts(box.connection, signer, now=lambda: time.time() + RECEIPT_SECONDS + 60)
    assert [receipt async for receipt in later.walk(SHOP)] == []


async def test_many_receipts_are_walked_in_steps(box: Box) -> None:
    """There are more receipts than one step reads."""
    made = [(await box.purger.purge_message(SHOP, text(f"m_{number}").id, "owner")).id for number in range(205)]
    receipts = Receipts(box.connection, ReceiptSigner([SEAL_KEY]), now=time.time)
    found = [receipt.id async for receipt in receipts.walk(SHOP)]
    assert found == made
