"""The store's work with messages, on every server."""

import asyncio
import time

import orjson
import pytest

from app.parts import make_writer
from cache.errors import CursorRefused, NotFound, Unavailable
from cache.keys import ID_BYTES, shop_keys
from domain.event import Storable
from domain.ids import ConversationId, MessageId, PageId, Psid, ShopId
from domain.message import Edit, Unsend
from domain.moment import from_text
from domain.query import MessageQuery
from tests.contract.conftest import FIVE_DAYS, PAGE, SHOP, Box, make_box, text
from tests.support import wait_until

OTHER_PAGE, OTHER_SHOP = PageId("104200000000002"), ShopId("dara")
KEYS, CONVERSATION = shop_keys(SHOP), ConversationId(f"{PAGE}_7000000000000001")


async def deadline_of(box: Box, mid: str, page: PageId = PAGE) -> int:
    keys = shop_keys(SHOP)
    return int(await box.connection.command("PEXPIRETIME", keys.message(keys.message_id(page, MessageId(mid)))))


async def test_a_stored_message_is_read_back_unchanged(box: Box) -> None:
    photo = [{"type": "image", "url": "https://cdn.example/a.jpg"}]
    assert await box.put(text("m_1", "អាវនេះ​នៅមានទេ? 🙏", attachments=photo, sent_at=1_790_000_000_123)) == ["too_old"]
    sent = int(time.time() * 1000) - 1000
    assert await box.put(text("m_1", "អាវនេះ​នៅមានទេ? 🙏", attachments=photo, sent_at=sent)) == ["stored"]
    (message,) = await box.read()
    assert message["text"] == "អាវនេះ​នៅមានទេ? 🙏"
    assert message["attachments"] == photo
    assert message["conversation_id"] == f"{PAGE}_7000000000000001"
    assert from_text(message["sent_at"]) == sent


async def test_a_message_expires_exactly_five_days_after_its_receipt(box: Box) -> None:
    await box.put(*(text(f"m_{n}") for n in range(20)))
    for message in await box.read():
        received = from_text(message["received_at"])
        assert received is not None
        assert await deadline_of(box, message["id"]) == received + FIVE_DAYS * 1000
        assert from_text(message["expires_at"]) == received + FIVE_DAYS * 1000


async def test_a_redelivery_is_stored_once_and_does_not_move_the_deadline(box: Box) -> None:
    await box.put(text("m_1"))
    deadline = await deadline_of(box, "m_1")
    assert await box.put(text("m_1", sent_at=int(time.time() * 1000) + 5)) == ["duplicate"]
    assert await box.put(text("1", standby=True)) == ["duplicate"], "a standby copy may lack the m_ prefix"
    assert await deadline_of(box, "m_1") == deadline
    assert await box.ids() == ["m_1"]


async def test_a_message_twice_in_one_delivery_is_stored_once(box: Box) -> None:
    assert await box.put(text("m_1"), text("m_1"), text("m_2")) == ["stored", "duplicate", "stored"]
    assert await box.ids() == ["m_2", "m_1"]


async def test_parallel_deliveries_of_one_message_store_it_once(box: Box) -> None:
    outcomes = await asyncio.gather(*(box.put(text("m_1")) for _ in range(20)))
    assert sorted(outcome for (outcome,) in outcomes) == ["duplicate"] * 19 + ["stored"]


async def test_a_message_sent_more_than_five_days_ago_is_not_stored(box: Box) -> None:
    old = int(time.time() * 1000) - FIVE_DAYS * 1000 - 1
    assert await box.put(text("m_1", sent_at=old), text("m_2", sent_at=None)) == ["too_old", "stored"]


async def test_an_unknown_page_and_a_paused_shop_store_nothing(box: Box) -> None:
    assert await box.put(text("m_1", page=OTHER_PAGE), text("m_2")) == ["unknown_page", "stored"]
    await box.shops.pause(SHOP, paused=True)
    assert await box.put(text("m_3")) == ["paused"]
    assert (await box.shops.pause(SHOP, paused=False)).paused is False
    assert await box.put(text("m_3")) == ["stored"]
    assert await box.ids() == ["m_3", "m_2"]


async def test_filters_can_be_combined(box: Box) -> None:
    await box.shops.connect(SHOP, OTHER_PAGE)
    other = Psid("7000000000000002")
    await box.put(
        text("in-a"),
        text("out-a", direction="out"),
        text("in-b", customer=other),
        text("in-c", page=OTHER_PAGE),
        text("out-c", page=OTHER_PAGE, direction="out"),
    )
    assert await box.ids() == ["out-c", "in-c", "in-b", "out-a", "in-a"]
    assert await box.ids(page=PAGE) == ["in-b", "out-a", "in-a"]
    assert await box.ids(direction="out") == ["out-c", "out-a"]
    assert await box.ids(page=OTHER_PAGE, direction="in") == ["in-c"]
    assert await box.ids(conversation=f"{PAGE}_7000000000000001") == ["out-a", "in-a"]
    assert await box.ids(conversation=f"{PAGE}_7000000000000001", direction="in", page=PAGE) == ["in-a"]
    assert await box.ids(conversation=f"{PAGE}_7000000000000001", page=OTHER_PAGE) == []
    newest = from_text((await box.read())[0]["received_at"])
    assert newest is not None
    assert await box.ids(since=newest + 1) == []
    assert len(await box.ids(since=newest)) >= 1
    assert await box.ids(until=newest - 60_000) == []
    assert len(await box.ids(until=newest + 1)) == 5


async def test_rare_matches_are_found_behind_thousands_of_others(box: Box) -> None:
    await box.put(text("rare", direction="out"))
    for start in range(0, 3000, 500):
        await box.put(*(text(f"m_{start + n}") for n in range(500)))
    assert await box.ids(direction="out") == ["rare"]


async def test_new_messages_do_not_change_a_walk_in_progress(box: Box) -> None:
    await box.put(*(text(f"old-{n}") for n in range(30)))
    seen: list[str] = []
    cursor = None
    for turn in range(100):
        page = await box.reader.messages(SHOP, MessageQuery(limit=7, cursor=cursor))
        seen += [orjson.loads(item.content)["id"] for item in page.items]
        await box.put(text(f"new-{turn}"))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"old-{n}" for n in reversed(range(30))]


async def test_an_invalid_cursor_is_refused(box: Box) -> None:
    for cursor in ("", "x", "bQAA", "Y" * 500, "ស", "bf__________"):
        with pytest.raises(CursorRefused):
            await box.reader.messages(SHOP, MessageQuery(limit=1, cursor=cursor))
        with pytest.raises(CursorRefused):
            await box.store.conversations.conversations(SHOP, limit=1, cursor=cursor, page=None)


async def test_shops_do_not_see_each_other(box: Box) -> None:
    stranger = ShopId("shop-2")
    await box.shops.connect(stranger, OTHER_PAGE)
    await box.put(text("m_1"))
    await box.put(text("m_2", page=OTHER_PAGE), shop=stranger)
    assert await box.ids() == ["m_1"]
    assert await box.ids(stranger) == ["m_2"]
    with pytest.raises(NotFound):
        await box.reader.message(stranger, MessageId("m_1"))


async def test_one_message_is_found_by_its_id(box: Box) -> None:
    await box.put(text("m_a$b:c.d-e"))
    assert b'"m_a$b:c.d-e"' in (await box.reader.message(SHOP, MessageId("m_a$b:c.d-e"))).content
    with pytest.raises(NotFound):
        await box.reader.message(SHOP, MessageId("m_2"))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1)])
async def test_the_highest_edit_wins_in_every_order_of_arrival(box: Box, order: tuple[int, ...]) -> None:
    customer, now = Psid("7000000000000001"), int(time.time() * 1000)
    events: list[Storable] = [
        text("m_1", "first"),
        Edit(MessageId("m_1"), PAGE, customer, 1, "second", now),
        Edit(MessageId("m_1"), PAGE, customer, 2, "third", now),
    ]
    for place in order:
        await box.put(events[place])
    (message,) = await box.read()
    assert (message["text"], message["edits"]) == ("third", 2)
    received = from_text(message["received_at"])
    assert received is not None
    assert await deadline_of(box, "m_1") == received + FIVE_DAYS * 1000
    assert await box.put(text("m_1", "first")) == ["duplicate"]
    assert (await box.read())[0]["text"] == "third"


async def test_a_delivery_with_many_changes_applies_them_correctly(box: Box) -> None:
    customer, now = Psid("7000000000000001"), int(time.time() * 1000)
    messages = [text(f"m_{n}", "first") for n in range(100)]
    edits = [Edit(MessageId(f"m_{n}"), PAGE, customer, k, f"text {k}", now) for k in (1, 3, 2) for n in range(100)]
    outcomes = await box.put(*edits[:50], *messages, *edits[50:], Unsend(MessageId("m_7"), PAGE, now))
    assert outcomes[50:150] == ["stored"] * 100
    # Messages are stored first, so that an edit finds its message in any order within a delivery.
    assert outcomes[:50] + outcomes[150:-1] == ["edited"] * 200 + ["edit_outdated"] * 100
    assert outcomes[-1] == "unsent"
    read = {message["id"]: message["text"] for message in await box.read()}
    assert read == {f"m_{n}": "text 3" for n in range(100) if n != 7}


async def test_an_edit_that_waits_is_not_readable(box: Box) -> None:
    now = int(time.time() * 1000)
    assert await box.put(Edit(MessageId("m_1"), PAGE, None, 1, "canary", now)) == ["edit_waiting"]
    assert await box.ids() == []
    assert await box.walk_conversations() == []
    with pytest.raises(NotFound):
        await box.reader.message(SHOP, MessageId("m_1"))


@pytest.mark.parametrize("first", [True, False])
async def test_an_unsent_message_is_deleted_and_not_stored_again(box: Box, first: bool) -> None:
    unsend = Unsend(MessageId("m_1"), PAGE, None)
    if first:
        assert await box.put(unsend) == ["unsent"]
        assert await box.put(text("m_1")) == ["erased"]
    else:
        assert await box.put(text("m_1")) == ["stored"]
        deadline = await deadline_of(box, "m_1")
        assert await box.put(unsend) == ["unsent"]
        assert await deadline_of(box, "m_1") == deadline
        assert await box.put(text("m_1")) == ["erased"]
    assert await box.put(Edit(MessageId("m_1"), PAGE, None, 1, "again", None)) == ["erased"]
    assert await box.ids() == []
    assert await box.walk_conversations() == []


async def test_conversations_come_newest_first_with_count_and_last_message(box: Box) -> None:
    for n in range(6):
        await box.put(*(text(f"m_{n}_{i}", f"{n}/{i}", customer=Psid(f"psid-{n}")) for i in range(n + 1)))
    for limit in (1, 2, 100):
        found = await box.walk_conversations(limit)
        assert [c["customer_id"] for c in found] == [f"psid-{n}" for n in reversed(range(6))]
        assert [c["message_count"] for c in found] == [6, 5, 4, 3, 2, 1]
        assert [c["last_message"]["text"] for c in found] == [f"{n}/{n}" for n in reversed(range(6))]
    assert await box.walk_conversations(page=OTHER_PAGE) == []


async def test_an_expired_message_is_not_counted_in_its_conversation(box: Box) -> None:
    first, second = make_box(box.connection, ttl=2), make_box(box.connection, ttl=60)
    await first.put(text("m_1"))
    await second.put(text("m_2"))  # the second message keeps the index after the first message has expired
    assert [c["message_count"] for c in await second.walk_conversations()] == [2]

    async def first_is_gone() -> bool:
        return await box.ids() == ["m_2"]

    await wait_until(first_is_gone)
    await second.put(text("m_3"))

    async def only_the_new_count() -> bool:
        # `first` hides each message after two seconds. A busy machine may be so slow that no message is left.
        return sum(int(c["message_count"]) for c in await first.walk_conversations()) <= 1

    await wait_until(only_the_new_count)


async def test_conversations_that_become_active_during_a_walk_are_neither_skipped_nor_repeated(box: Box) -> None:
    for n in range(20):
        await box.put(text(f"m_{n}", customer=Psid(f"psid-{n}")))
    seen: list[str] = []
    cursor = None
    turn = 0
    while True:
        slice_ = await box.store.conversations.conversations(SHOP, limit=3, cursor=cursor, page=None)
        seen += [item.customer for item in slice_.items]
        # Two move to the front from the end of the list, one that the walk has returned moves too, and one is new.
        for n in (0, 1, 19, 100 + turn):
            await box.put(text(f"more_{turn}_{n}", customer=Psid(f"psid-{n}")))
        turn += 1
        cursor = slice_.next_cursor
        if cursor is None:
            break
    assert seen == [f"psid-{n}" for n in reversed(range(20))]


async def test_a_page_belongs_to_one_shop_at_a_time(box: Box) -> None:
    with pytest.raises(Exception, match="another shop"):
        await box.shops.connect(ShopId("shop-2"), PAGE)
    first = await box.shops.connect(SHOP, PAGE)
    assert first == (await box.shops.shop(SHOP)).pages[0]
    await box.purger.purge_page(SHOP, PAGE, "owner")
    assert await box.shops.owner(PAGE) is None
    with pytest.raises(NotFound):
        await box.purger.purge_page(SHOP, PAGE, "owner")
    await box.shops.connect(ShopId("shop-2"), PAGE)
    assert await box.shops.owner(PAGE) == "shop-2"


async def test_kept_messages_are_counted_by_the_sweep(box: Box) -> None:
    await box.put(*(text(f"m_{n}") for n in range(7)))
    await box.sweeper.sweep()
    await box.sweeper.show()
    kept = await box.connection.command("GET", "kept")
    assert b'"messages":7' in kept


@pytest.mark.parametrize(("value", "age"), [("bytes that should be gone", 6 * 86_400), ("", 0)])
async def test_a_metric_shows_the_age_of_a_message_that_is_stored_too_long(box: Box, value: str, age: int) -> None:
    """The metric measures stored messages, so it also shows a message that should have expired. A tombstone does not
    count.
    """
    keys = shop_keys(SHOP)
    id_ = b"x" * ID_BYTES
    await box.connection.command("ZADD", keys.shop_index, int((time.time() - 6 * 86_400) * 1_000_000), b"i" + id_)
    await box.connection.command("EXPIRE", keys.shop_index, 60)
    await box.connection.command("SET", keys.message(id_), value, "EX", 60)
    await box.sweeper.sweep()
    await box.sweeper.show()
    told = {sample.name: sample.value for family in box.metrics.collect() for sample in family.samples}
    assert told["page_inbox_oldest_kept_message_seconds"] == pytest.approx(age, abs=5)


async def test_messages_of_several_shops_in_one_batch_are_stored_for_each_shop(box: Box) -> None:
    """Each shop gets its own outcomes, for many and for few Pages and messages."""
    await box.shops.connect(OTHER_SHOP, OTHER_PAGE)
    several = asyncio.gather(
        box.put(text("m_1"), text("m_2"), text("m_1"), text("m_3", page=PageId("1"))),
        box.put(text("m_1", page=OTHER_PAGE), shop=OTHER_SHOP),
        box.put(text("m_4"), shop=ShopId("nobody's")),
        box.put(text("m_4")),
    )
    assert list(await several) == [
        ["stored", "stored", "duplicate", "unknown_page"],
        ["stored"],
        ["unknown_page"],
        ["stored"],
    ]
    assert sorted(await box.ids()) == ["m_1", "m_2", "m_4"]
    assert await box.ids(OTHER_SHOP) == ["m_1"]


@pytest.mark.parametrize("damaged", [SHOP, OTHER_SHOP])
async def test_damaged_keys_of_one_shop_do_not_affect_other_shops_in_the_batch(box: Box, damaged: ShopId) -> None:
    """The damaged shop's part of the call may come before or after the part of the other shop."""
    await box.shops.connect(OTHER_SHOP, OTHER_PAGE)
    await box.connection.command("SET", shop_keys(damaged).shop_index, "no index")
    both = (box.put(text("m_1")), box.put(text("m_1", page=OTHER_PAGE), shop=OTHER_SHOP))
    results = dict(zip((SHOP, OTHER_SHOP), await asyncio.gather(*both, return_exceptions=True), strict=True))
    assert isinstance(results.pop(damaged), Unavailable)
    ((whole, outcomes),) = results.items()
    assert outcomes == ["stored"]
    assert await box.ids(whole) == ["m_1"]
    await box.connection.command("DEL", shop_keys(damaged).shop_index)


@pytest.mark.parametrize("index", [KEYS.conversation_index(KEYS.conversation_tag(CONVERSATION)), KEYS.conversations])
async def test_a_message_that_cannot_be_added_to_an_index_is_not_acknowledged(box: Box, index: bytes) -> None:
    """The script stops after it has written the value and before it writes the index. When the service or Facebook
    sends the message again, the value alone must not make it a duplicate.
    """
    await box.shops.connect(OTHER_SHOP, OTHER_PAGE)
    writer = make_writer(box.store)
    await box.connection.command("SET", index, "no index")
    for _ in range(2):  # Facebook delivers again
        with pytest.raises(Unavailable):
            await writer.put([text("m_1"), text("m_2"), text("m_1", page=OTHER_PAGE)])
    await box.connection.command("DEL", index)
    assert await writer.put([text("m_1"), text("m_2")]) == ["stored", "stored"]
    (conversation,) = await box.walk_conversations()
    assert conversation["message_count"] == 2
    assert sorted(await box.ids(conversation=CONVERSATION)) == ["m_1", "m_2"]
    assert await writer.put([text("m_1"), text("m_2")]) == ["duplicate", "duplicate"]
    await writer.close()


async def test_the_lost_index_of_waiting_edits_erases_no_message(box: Box) -> None:
    """A waiting edit that is in no index was not purged, so its message is stored with the edit."""
    await box.put(text("m_0"), Edit(MessageId("m_1"), PAGE, None, 1, "canary", None))
    await box.connection.command("DEL", KEYS.waiting_edits)
    assert await box.put(text("m_1")) == ["stored"]
    assert (await box.read())[0]["text"] == "canary"


async def test_an_edit_that_cannot_be_added_to_its_index_is_not_stored(box: Box) -> None:
    """A purge would not find an edit without its index. So the edit is refused, and Facebook delivers it again."""
    edit = Edit(MessageId("m_1"), PAGE, None, 1, "canary", None)
    await box.connection.command("SET", KEYS.waiting_edits, "no index")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await box.put(edit)
    await box.connection.command("DEL", KEYS.waiting_edits)
    assert await box.put(edit) == ["edit_waiting"]
    assert await box.connection.command("ZCARD", KEYS.waiting_edits) == 1
