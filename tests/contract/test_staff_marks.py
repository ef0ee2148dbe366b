"""The staff's marks on conversations are encrypted. A mark expires with its conversation, and every purge of the
conversation deletes it.
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from api.answers import conversation_json, event_json
from cache.errors import NotFound
from cache.keys import shop_keys
from cache.scripts import HIDE
from domain.ids import ConversationId, MessageId, PageId, Psid, PurgeId, ShopId
from domain.message import Unsend
from domain.secret import Secret
from tests.contract.conftest import PAGE, SHOP, Box, make_box, text
from tests.contract.test_feed import following
from tests.service import SEAL_KEY
from tests.support import wait_until

KEYS = shop_keys(SHOP)
ANNA, BORA = Psid("7000000000000011"), Psid("7000000000000012")
ANNAS, BORAS = ConversationId(f"{PAGE}_{ANNA}"), ConversationId(f"{PAGE}_{BORA}")
ANNAS_KEY = KEYS.staff_mark(KEYS.conversation_tag(ANNAS))


async def mark(box: Box, conversation: ConversationId = ANNAS, *labels: str) -> int:
    """Mark a conversation as done. Returns the time."""
    return (await box.marks.put(SHOP, conversation, done=True, unread=False, labels=labels)).marked_at


async def marks(box: Box) -> dict[str, Any]:
    """Returns the mark of each conversation that has one, as the API answers it."""
    found = (await box.store.conversations.conversations(SHOP, limit=100, cursor=None, page=None)).items
    rows = [orjson.loads(conversation_json(one)) for one in found]
    return {row["id"]: row["mark"] for row in rows if "mark" in row}


async def mark_keys(box: Box) -> list[bytes]:
    return [key for key in await box.keys() if key.startswith(b"n:")]


async def test_a_mark_is_shown_with_its_conversation_and_a_new_one_replaces_it(box: Box) -> None:
    """The stored mark is encrypted. The answer has the time when the mark was made."""
    await box.put(text("m_1", customer=ANNA), text("m_2", customer=BORA))
    await mark(box, ANNAS, "VIP")
    at = await mark(box, ANNAS, "paid", "ដឹកជញ្ជូន")
    (shown,) = (await marks(box)).values()
    assert [shown[name] for name in ("done", "unread", "labels")] == [True, False, ["paid", "ដឹកជញ្ជូន"]]
    assert at > 0
    assert b"paid" not in await box.connection.command("GET", ANNAS_KEY)


async def test_a_mark_expires_with_its_conversation(box: Box) -> None:
    """The mark and the newest message expire at the same millisecond. A conversation without messages has no mark."""
    with pytest.raises(NotFound):
        await mark(box)
    await box.put(text("m_1", customer=ANNA))
    await mark(box)
    index = KEYS.conversation_index(KEYS.conversation_tag(ANNAS))
    for batch in ([text("m_2", customer=ANNA)], [text(f"m_{n}", customer=one) for n, one in ((3, ANNA), (4, BORA))]):
        earlier = await box.connection.command("PEXPIRETIME", ANNAS_KEY) - 10_000
        for key in (ANNAS_KEY, index):  # as if the earlier messages were ten seconds old
            await box.connection.command("PEXPIREAT", key, earlier)
        await box.put(*batch)
        end = await box.connection.command("PEXPIRETIME", ANNAS_KEY)
        assert end > earlier
        assert end == await box.connection.command("PEXPIRETIME", index)
    assert len(await mark_keys(box)) == 1


async def test_a_mark_is_deleted_with_the_last_message_of_its_conversation(box: Box) -> None:
    """The shop deletes the message, or its sender unsends it."""
    goes: list[Callable[[], Awaitable[object]]] = [
        lambda: box.purger.purge_message(SHOP, MessageId("m_1"), "me"),
        lambda: box.put(Unsend(MessageId("m_2"), PAGE, None)),
    ]
    for number, go in enumerate(goes, 1):
        await box.put(text(f"m_{number}", customer=ANNA))
        await mark(box)
        await go()
        assert await mark_keys(box) == []


@pytest.mark.parametrize("what", ["shop", "page", "customer", "conversation"])
async def test_every_kind_of_purge_deletes_the_mark_of_a_conversation(box: Box, what: str) -> None:
    """Readers do not see the mark from the purge's answer on, and Redis does not have it when the purge is complete. A
    new message of the customer does not bring it back.
    """
    purges: dict[str, Callable[[], Awaitable[object]]] = {
        "shop": lambda: box.purger.purge_shop(SHOP, "me"),
        "page": lambda: box.purger.purge_page(SHOP, PAGE, "me"),
        "customer": lambda: box.customers.purge(SHOP, ANNA, "me"),
        "conversation": lambda: box.purger.purge_conversation(SHOP, ANNAS, "me"),
    }
    other = PageId("104200000000002")
    await box.shops.connect(SHOP, other)
    others = ConversationId(f"{other}_{BORA}")
    await box.put(text("m_1", customer=ANNA), text("m_2", customer=BORA, page=other))
    seen = (await box.timeline.start(SHOP, None, None)).now
    await mark(box)
    await mark(box, others)
    await purges[what]()
    await asyncio.sleep(0.005)  # a message of the same millisecond is hidden too
    await box.shops.connect(SHOP, PAGE)
    await box.put(text("m_3", customer=ANNA))
    left = [] if what == "shop" else [others]
    assert [*await marks(box)] == left
    names = [event.name for event in (await box.timeline.read(SHOP, seen)).events]
    assert names.count("marked") == len(left)
    await box.erased()
    assert await mark_keys(box) == [KEYS.staff_mark(KEYS.conversation_tag(one)) for one in left]
    logged = await box.connection.command("ZRANGE", KEYS.changes, 0, -1)
    assert len([change for change in logged if change.startswith(b"k")]) == len(left)
    await mark(box)
    assert [*await marks(box)] == [ANNAS, *left]


async def test_a_mark_that_is_hidden_and_not_erased_yet_is_not_shown(box: Box) -> None:
    """The customer's next message does not bring the mark back, and viewers do not get it. A hidden conversation cannot
    be marked.
    """
    await box.put(text("m_1", customer=ANNA))
    seen = (await box.timeline.start(SHOP, None, None)).now
    await mark(box)
    tag = KEYS.conversation_tag(ANNAS)
    keys = [KEYS.registry, KEYS.shop_index, KEYS.purge(PurgeId("p")), KEYS.receipts, KEYS.changes]
    await box.connection.run(HIDE(keys, [KEYS.hash_tag, "conversation", tag, "me", "", "", 0, 0]))
    with pytest.raises(NotFound):
        await mark(box)
    await asyncio.sleep(0.005)  # a message of the same millisecond is hidden too
    await box.put(text("m_2", customer=ANNA))
    assert await marks(box) == {}
    assert [some async for some in box.marks.walk(SHOP) if some] == []
    assert "marked" not in [event.name for event in (await box.timeline.read(SHOP, seen)).events]
    assert await mark_keys(box) == [ANNAS_KEY]
    await mark(box)
    await box.put(Unsend(MessageId("m_2"), PAGE, None))
    assert await mark_keys(box) == [], "what is left of the conversation is hidden"


async def test_connected_viewers_get_a_mark_at_once_and_returning_viewers_get_the_last_mark(box: Box) -> None:
    """Both get the event `marked`."""
    await box.put(text("m_1", customer=ANNA))
    seen = (await box.timeline.start(SHOP, None, None)).now
    async with following(box) as follower:
        await mark(box, ANNAS, "VIP")
        await wait_until(lambda: ("marked", "") in follower.told)
        await box.marks.put(SHOP, ANNAS, done=False, unread=True, labels=())
    (event,) = (await box.timeline.read(SHOP, seen)).events
    body = orjson.loads(event_json(event))
    at = body["mark"].pop("marked_at")
    assert body == {
        "conversation_id": ANNAS,
        "page_id": PAGE,
        "mark": {"done": False, "unread": True, "labels": []},
    }
    assert (await marks(box))[ANNAS]["marked_at"] == at


async def test_all_marks_are_walked(box: Box) -> None:
    """The export gets each mark once, in several steps."""
    customers = [Psid(str(number)) for number in range(7)]
    await box.put(*(text(f"m_{customer}", customer=customer) for customer in customers))
    expected = [ConversationId(f"{PAGE}_{customer}") for customer in customers if int(customer) % 2]
    for conversation in expected:
        await mark(box, conversation)
    walked = [one.conversation async for some in box.marks.walk(SHOP, at_once=2) for one in some]
    assert walked == expected
    assert [some async for some in box.marks.walk(ShopId("shop-2"))] == []


async def test_a_shops_labels_are_sealed_and_replaced_as_one_list(box: Box) -> None:
    """The labels stay until the shop replaces them."""
    assert await box.labels.read(SHOP) == ()
    await box.labels.replace(SHOP, ("VIP", "បង់ប្រាក់"))
    assert await box.labels.read(SHOP) == ("VIP", "បង់ប្រាក់")
    assert b"VIP" not in await box.connection.command("HGET", KEYS.registry, "labels")
    await box.labels.replace(SHOP, ())
    assert await box.labels.read(SHOP) == ()


async def test_a_list_of_labels_is_sealed_again_with_the_first_key(box: Box) -> None:
    """A read encrypts the list again. A list that no key decrypts is read as empty, and a new list replaces it."""
    new, lost = Secret(b64encode(bytes(32)).decode()), Secret(b64encode(bytes([1] * 32)).decode())
    await box.labels.replace(SHOP, ("VIP",))
    assert await make_box(box.connection, seal_keys=(new, SEAL_KEY)).labels.read(SHOP) == ("VIP",)
    assert await make_box(box.connection, seal_keys=(new,)).labels.read(SHOP) == ("VIP",)
    without = make_box(box.connection, seal_keys=(lost,)).labels
    assert await without.read(SHOP) == ()
    await without.replace(SHOP, ("paid",))
    assert await without.read(SHOP) == ("paid",)
