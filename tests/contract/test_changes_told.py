"""Changes of messages on every server: followers get them, and readers who come back get them."""

from typing import Any

import orjson

from api.answers import event_json
from cache.keys import shop_keys
from cache.scripts import HIDE
from cache.server.connection import Arg
from domain.ids import ConversationId, MessageId, PageId, Psid, PurgeId
from domain.message import Edit, Unsend
from tests.contract.conftest import PAGE, SHOP, Box, text
from tests.contract.test_feed import following
from tests.support import wait_until

KEYS = shop_keys(SHOP)
OTHER_PAGE = PageId("104200000000002")
CUSTOMER = Psid("7000000000000001")
OTHER = Psid("7000000000000002")


def edit(mid: str, words: str, number: int = 1, page: PageId = PAGE) -> Edit:
    return Edit(MessageId(mid), page, CUSTOMER, number, words, None)


def unsend(mid: str, page: PageId = PAGE) -> Unsend:
    return Unsend(MessageId(mid), page, None)


async def told(box: Box, after: int = 0) -> list[tuple[str, Any]]:
    """Returns the events for a reader who comes back: the name and the id of each."""
    stretch = await box.timeline.read(SHOP, after)
    assert not stretch.more
    positions = [event.position or 0 for event in stretch.events]
    assert positions == sorted(set(positions))
    return [(event.name, about(event_json(event))) for event in stretch.events]


def about(data: bytes) -> Any:
    body = orjson.loads(data)
    return body.get("what") or ((body["id"], body["text"]) if "text" in body else body["id"])


async def now(box: Box) -> int:
    return (await box.timeline.start(SHOP, None, None)).now


async def changes(box: Box) -> list[bytes]:
    found: list[bytes] = await box.connection.command("ZRANGE", KEYS.changes, 0, -1)
    return found


async def test_the_event_of_an_edit_has_the_current_message(box: Box) -> None:
    """A reader who has seen the message gets one event for any number of edits. Another reader gets
    the edited message.
    """
    await box.put(text("m_1", "a"), text("m_2", "b"))
    seen = await now(box)
    await box.put(edit("m_1", "aa"))
    assert await told(box, seen) == [("edited", ("m_1", "aa"))]
    await box.put(edit("m_1", "aaa", 2))
    await box.put(edit("m_1", "late", 1))
    assert await told(box, seen) == [("edited", ("m_1", "aaa"))]
    assert await told(box) == [("message", ("m_1", "aaa")), ("message", ("m_2", "b")), ("edited", ("m_1", "aaa"))]
    (edited,) = (await box.timeline.read(SHOP, seen)).events
    assert edited.content == await box.reader.message(SHOP, MessageId("m_1"))


async def test_an_edit_that_arrives_before_its_message_makes_no_separate_event(box: Box) -> None:
    """The message comes with the edit in it."""
    await box.put(edit("m_1", "edited"))
    await box.put(text("m_1", "as it was"))
    assert await told(box) == [("message", ("m_1", "edited"))]


async def test_the_event_of_an_unsend_has_the_id_and_expires_with_the_message(box: Box) -> None:
    """The id is stored encrypted and expires with the message. An unsend of an unknown message makes no event."""
    await box.put(text("m_1", "a"))
    seen = await now(box)
    await box.put(edit("m_1", "aa"))
    deadline = await box.connection.command("PEXPIRETIME", KEYS.message(KEYS.message_id(PAGE, MessageId("m_1"))))
    await box.put(unsend("m_1"), unsend("m_never"))
    await box.put(unsend("m_1"))
    assert await told(box, seen) == [("erased", "m_1")]
    assert await told(box) == [("erased", "m_1")]
    (event,) = (await box.timeline.read(SHOP, seen)).events
    assert orjson.loads(event_json(event)) == {"id": "m_1", "page_id": PAGE}
    (key,) = [key for key in await box.keys() if key.startswith(b"u:")]
    assert await box.connection.command("PEXPIRETIME", key) == deadline
    assert b"m_1" not in await box.connection.command("GET", key)
    assert await box.connection.command("PTTL", KEYS.changes) > 0
    await box.connection.command("PEXPIRE", key, 1)
    await wait_until(lambda: gone(box, key))
    assert await told(box, seen) == []


async def gone(box: Box, key: bytes) -> bool:
    return not await box.connection.command("EXISTS", key)


async def test_followers_get_changes_at_once(box: Box) -> None:
    """Followers get changes and messages in the order in which they happened."""
    async with following(box) as follower:
        await box.put(text("m_1"))
        await box.put(edit("m_1", "b"))
        await box.put(text("m_2"))
        await box.put(unsend("m_1"))
        await box.purger.purge_message(SHOP, MessageId("m_2"), "owner")
        await wait_until(lambda: ("purge", "") in follower.told)
        # A message that was removed before it could be read makes no event.
        assert follower.told[-2:] == [("erased", "m_1"), ("purge", "")]
        assert follower.positions == sorted(set(follower.positions))


async def test_the_event_of_a_purged_message_does_not_have_its_id(box: Box) -> None:
    """Earlier events about the message are deleted."""
    await box.put(text("m_1"), text("m_2"))
    await box.put(edit("m_1", "b"))
    seen = await now(box)
    await box.put(unsend("m_2"))
    receipts = [await box.purger.purge_message(SHOP, MessageId(mid), "owner") for mid in ("m_1", "m_2", "m_never")]
    (event,) = (await box.timeline.read(SHOP, seen)).events
    assert (event.name, orjson.loads(event_json(event))) == ("purge", {"purge_id": receipts[0].id, "what": "message"})
    assert not event.ends
    assert await changes(box) == [f"pmessage:{receipts[0].id}".encode()]
    assert [key for key in await box.keys() if key.startswith(b"u:")] == []


async def test_a_partial_purge_deletes_only_the_events_of_the_purged_messages(box: Box) -> None:
    """The test purges a conversation, a customer and a Page. The events of purged messages are hidden from the purge's
    answer on, and no key has them when the purge is complete.
    """
    await box.shops.connect(SHOP, OTHER_PAGE)
    purges: list[tuple[str, dict[str, Any], Any]] = [
        ("conversation", {}, lambda: box.purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_{CUSTOMER}"), "me")),
        ("customer", {}, lambda: box.customers.purge(SHOP, CUSTOMER, "me")),
        ("page", {"page": OTHER_PAGE}, lambda: box.purger.purge_page(SHOP, OTHER_PAGE, "me")),
    ]
    for what, facts, purge in purges:
        page = facts.get("page", PAGE)
        kept = PAGE if what == "page" else OTHER_PAGE
        await box.put(*(text(f"{what}_{n}", **facts) for n in range(3)))
        await box.put(*(text(f"{what}_kept_{n}", page=kept, customer=OTHER) for n in range(2)))
        seen = await now(box)
        await box.put(edit(f"{what}_1", "b", page=page), unsend(f"{what}_2", page))
        await box.put(unsend(f"{what}_kept_1", kept))
        assert {name for name, _ in await told(box, seen)} == {"edited", "erased"}
        await purge()
        expected = [("erased", f"{what}_kept_1"), ("purge", what)]
        assert await told(box, seen) == expected
        await box.erased()
        assert await told(box, seen) == expected
        assert len([key for key in await box.keys() if key.startswith(b"u:")]) == 1
        await box.purger.purge_shop(SHOP, "me")
        await box.erased()
    await box.shops.connect(SHOP, OTHER_PAGE)


async def test_a_purge_of_the_shop_deletes_all_earlier_events(box: Box) -> None:
    """A reader who comes back gets the event of the purge, and the stream ends with it. On the next connection the
    reader gets the later events.
    """
    await box.put(text("m_1"), text("m_2"), text("m_3"))
    seen = await now(box)
    await box.put(edit("m_1", "b"), unsend("m_2"))
    await box.purger.purge_conversation(SHOP, ConversationId("nobody"), "me")
    receipt = await box.purger.purge_shop(SHOP, "me")
    await box.put(text("m_4", "new", sent_at=receipt.requested_at + 1000))
    first, second = (await box.timeline.read(SHOP, seen)).events
    assert (first.name, first.ends, about(event_json(first))) == ("purge", True, "shop")
    assert (second.name, about(event_json(second))) == ("message", ("m_4", "new"))
    await box.erased()
    assert await changes(box) == [f"pshop:{receipt.id}".encode()]
    assert [key for key in await box.keys() if key.startswith(b"u:")] == []
    assert await told(box, seen) == [("purge", "shop"), ("message", ("m_4", "new"))]


async def test_a_change_of_a_message_that_is_hidden_but_not_yet_erased_makes_no_event(box: Box) -> None:
    """An unsend or an edit may come after the purge's answer and before the erasing. It leaves no id in the store."""
    await box.put(text("m_1"), text("m_2"))
    seen = await now(box)
    args: list[Arg] = [KEYS.hash_tag, "shop", b"", "me", "", "", 0, 0]
    keys = [KEYS.registry, KEYS.shop_index, KEYS.purge(PurgeId("p")), KEYS.receipts, KEYS.changes]
    await box.connection.run(HIDE(keys, args))
    await box.put(edit("m_1", "b"), unsend("m_2"))
    assert await told(box, seen) == [("purge", "shop")]
    assert [key for key in await box.keys() if key.startswith(b"u:")] == []


async def test_event_positions_stay_unique_when_the_newest_message_is_deleted(box: Box) -> None:
    """A reader who has read to the last event gets every later message."""
    for n in range(20):
        await box.put(text(f"m_{n}"))
        await box.put(unsend(f"m_{n}"))
        seen = (await box.timeline.read(SHOP, 0)).position
        await box.put(text(f"n_{n}"))
        assert await told(box, seen) == [("message", (f"n_{n}", "សួស្តី"))]
        await box.purger.purge_message(SHOP, MessageId(f"n_{n}"), "me")
        seen = (await box.timeline.read(SHOP, 0)).position
        assert await told(box, seen) == []
