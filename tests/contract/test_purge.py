"""Purged messages are unreadable at once, are erased soon and do not come back, on every server."""

import time

import pytest

from cache.errors import NotFound
from cache.keys import shop_keys
from domain.ids import ConversationId, MessageId, PageId, Psid, PurgeId
from domain.message import Edit
from tests.contract.conftest import PAGE, SHOP, Box, text

OTHER_PAGE = PageId("104200000000002")
ANNA, BORA = Psid("psid-anna"), Psid("psid-bora")


async def fill(box: Box) -> None:
    await box.shops.connect(SHOP, OTHER_PAGE)
    await box.put(*(text(f"anna-{n}", customer=ANNA) for n in range(120)))
    await box.put(*(text(f"bora-{n}", customer=BORA) for n in range(5)))
    await box.put(*(text(f"other-{n}", page=OTHER_PAGE, customer=BORA) for n in range(5)))
    now = int(time.time() * 1000)
    await box.put(Edit(MessageId("early-anna"), PAGE, ANNA, 1, "canary", now))
    await box.put(Edit(MessageId("early-other"), OTHER_PAGE, None, 1, "canary", now))


async def values(box: Box) -> list[bytes]:
    names = [key for key in await box.keys() if key.startswith(b"m:")]
    return [value for name in names if (value := await box.connection.command("GET", name))]


async def test_a_purge_of_a_shop_leaves_only_tombstones_and_records(box: Box) -> None:
    await fill(box)
    receipt = await box.purger.purge_shop(SHOP, "owner@shop")
    assert await box.ids() == []
    assert await box.walk_conversations() == []
    with pytest.raises(NotFound):
        await box.reader.message(SHOP, MessageId("anna-1"))
    await box.erased()
    done = await box.purger.receipt(SHOP, receipt.id)
    assert (done.what, done.complete, done.messages_deleted, done.requested_by) == ("shop", True, 130, "owner@shop")
    assert await values(box) == []
    left = {key.partition(b":")[0] for key in await box.keys()}
    assert left <= {b"m", b"j", b"h", b"r", b"page", b"shop", b"mark"}
    changes = await box.connection.command("ZRANGE", shop_keys(SHOP).changes, 0, -1)
    assert changes == [f"pshop:{receipt.id}".encode()]


async def test_a_purge_of_a_conversation_keeps_the_other_conversations(box: Box) -> None:
    await fill(box)
    receipt = await box.purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_{ANNA}"), "owner")
    assert len(await box.ids()) == 10
    assert [c["customer_id"] for c in await box.walk_conversations()] == [BORA, BORA]
    assert await box.ids(conversation=f"{PAGE}_{ANNA}") == []
    await box.erased()
    assert (await box.purger.receipt(SHOP, receipt.id)).messages_deleted == 120
    assert len(await values(box)) == 11, "ten messages and the edit that waits at the other Page"
    assert len(await box.ids()) == 10


async def test_a_disconnect_of_a_page_deletes_its_messages(box: Box) -> None:
    await fill(box)
    receipt = await box.purger.purge_page(SHOP, PAGE, "owner")
    assert {m["page_id"] for m in await box.read()} == {OTHER_PAGE}
    await box.erased()
    assert (await box.purger.receipt(SHOP, receipt.id)).messages_deleted == 125
    assert len(await values(box)) == 6
    assert await box.put(text("late")) == ["unknown_page"]


async def test_a_purged_message_is_not_stored_again(box: Box) -> None:
    await fill(box)
    receipt = await box.purger.purge_message(SHOP, MessageId("bora-4"), "owner")
    assert (receipt.what, receipt.complete, receipt.messages_deleted) == ("message", True, 1)
    with pytest.raises(NotFound):
        await box.reader.message(SHOP, MessageId("bora-4"))
    last = (await box.walk_conversations(page=PAGE))[0]["last_message"]["id"]
    assert last == "bora-3"
    assert await box.put(text("bora-4", customer=BORA)) == ["erased"]
    again = await box.purger.purge_message(SHOP, MessageId("bora-4"), "owner")
    assert again.messages_deleted == 0


@pytest.mark.parametrize("erase_first", [True, False])
async def test_a_redelivery_of_a_purged_message_does_not_bring_it_back(box: Box, erase_first: bool) -> None:
    await fill(box)
    now = int(time.time() * 1000)
    await box.purger.purge_shop(SHOP, "owner")
    if erase_first:
        await box.erased()
    # Facebook's clock may be ahead of ours, and a redelivery may have a new date.
    for sent_at in (now, now + 3_600_000, None):
        outcomes = await box.put(*(text(f"anna-{n}", customer=ANNA, sent_at=sent_at) for n in range(120)))
        assert set(outcomes) <= {"erased", "duplicate"}
    await box.erased()
    assert await box.ids() == []
    assert await values(box) == []


async def test_a_purged_conversation_refuses_late_events_and_stores_a_new_message(box: Box) -> None:
    before = int(time.time() * 1000) - 5
    await box.purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_{ANNA}"), "owner")
    assert await box.put(text("late", customer=ANNA, sent_at=before)) == ["erased"]
    assert await box.put(Edit(MessageId("e"), PAGE, ANNA, 1, "late", before)) == ["erased"]
    assert await box.put(text("bora", customer=BORA, sent_at=before)) == ["stored"]
    after = int(time.time() * 1000) + 50
    assert await box.put(text("new", customer=ANNA, sent_at=after)) == ["stored"]
    assert await box.ids() == ["new", "bora"]


async def test_a_purge_that_a_crash_interrupts_is_finished_at_the_next_start(box: Box) -> None:
    await fill(box)
    receipt = await box.purger.purge_shop(SHOP, "owner")
    await box.erased()
    # This is the state after a crash: the messages are hidden, the purge is noted, and nothing is erased.
    keys = shop_keys(SHOP)
    await box.put(*(text(f"more-{n}", sent_at=None) for n in range(60)))
    at = await box.connection.command("ZRANGE", keys.shop_index, -1, -1, "WITHSCORES")
    score = int(float(at[0][1] if isinstance(at[0], (list, tuple)) else at[1]))
    await box.connection.command("HSET", keys.registry, "watermark", score)
    await box.connection.command("HSET", keys.purge(receipt.id), "complete", 0, "tag", "", "at", score)
    await box.connection.command("ZADD", "purges", int(time.time()) - 60, f"{receipt.id} {SHOP}")
    await box.connection.command("EXPIRE", "purges", 60)
    assert len(await values(box)) == 60
    # Messages after the purge stay, in a purged conversation and in a new conversation.
    new = int(time.time() * 1000) + 1000
    await box.put(text("new", sent_at=new), text("new-anna", customer=ANNA, sent_at=new), text("new-2", sent_at=new))
    await box.store.eraser.resume_once()
    await box.erased()
    assert len(await values(box)) == 3
    assert await box.ids() == ["new-2", "new-anna", "new"]
    assert [(c["last_message"]["id"], c["message_count"]) for c in await box.walk_conversations()] == [
        ("new-2", 2),
        ("new-anna", 1),
    ]
    assert (await box.purger.receipt(SHOP, receipt.id)).complete
    assert b"purges" not in await box.keys()


async def test_a_receipt_names_no_person_and_other_shops_do_not_see_it(box: Box) -> None:
    await fill(box)
    receipt = await box.purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_{ANNA}"), "owner")
    await box.erased()
    fields = await box.connection.command("HGETALL", shop_keys(SHOP).purge(receipt.id))
    assert ANNA not in repr(fields)
    assert await box.connection.command("TTL", shop_keys(SHOP).purge(receipt.id)) > 29 * 86_400
    with pytest.raises(NotFound):
        await box.purger.receipt(SHOP, PurgeId("none"))


async def test_a_shop_can_store_new_messages_after_its_purge(box: Box) -> None:
    await fill(box)
    await box.purger.purge_shop(SHOP, "owner")
    new = int(time.time() * 1000) + 1000
    assert await box.put(text("new-1", sent_at=new), text("new-2", sent_at=new)) == ["stored", "stored"]
    await box.erased()
    assert await box.ids() == ["new-2", "new-1"]
    assert [c["message_count"] for c in await box.walk_conversations()] == [2]


async def test_a_metric_shows_the_age_of_the_oldest_unfinished_purge(box: Box) -> None:
    """Every replica reports this age, even if another replica erases."""

    def told() -> float:
        samples = (sample for family in box.metrics.collect() for sample in family.samples)
        return next(sample.value for sample in samples if sample.name == "page_inbox_oldest_purge_seconds")

    keys, purge = shop_keys(SHOP), PurgeId("abandoned")
    at = int((time.time() - 400) * 1_000_000)
    await box.connection.command(
        "HSET", keys.purge(purge), "complete", 0, "what", "shop", "tag", "", "by", "x", "at", at
    )
    await box.connection.command("HSET", keys.purge(purge), "deleted", 0)
    await box.connection.command("EXPIRE", keys.purge(purge), 60)
    await box.connection.command("ZADD", "purges", int(time.time()) - 60, f"{purge} {SHOP}")
    await box.connection.command("EXPIRE", "purges", 60)
    await box.store.eraser.resume_once()
    assert told() == pytest.approx(400, abs=5)
    await box.erased()
    await box.store.eraser.resume_once()
    assert told() == 0
