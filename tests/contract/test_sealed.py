"""Without the keys nothing on a server can be read. After a purge of a shop, even the keys decrypt none of its
earlier messages.
"""

import secrets
import time
from asyncio import gather, sleep
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest

from cache import codec
from cache.errors import Corrupt, Unavailable
from cache.keys import shop_keys
from cache.messages.vault import SECRET_FIELD
from cache.sealing import Sealer
from domain.ids import ConversationId, MessageId, PageId, Psid, ShopId
from domain.message import Edit
from domain.secret import Secret
from tests.contract.conftest import PAGE, SHOP, Box, make_box, text
from tests.sealed import opened
from tests.service import SEAL_KEY

KEYS = shop_keys(SHOP)
OTHER_SHOP, OTHER_PAGE = ShopId("shop-2"), PageId("104200000000002")
NEW_KEY = Secret(b64encode(b"a newer key of the contract test").decode())
CANARY, PSID = "canary-កាណារី 012 345 678", Psid("7011122233344455")


async def secret_of(box: Box, shop: ShopId = SHOP) -> bytes:
    """Returns the secret in the shop's record, as it is stored."""
    found: bytes = await box.connection.command("HGET", shop_keys(shop).registry, SECRET_FIELD)
    return found


async def value_of(box: Box, mid: str) -> bytes:
    """Returns the value under a message's key."""
    found: bytes = await box.connection.command("GET", KEYS.message(KEYS.message_id(PAGE, MessageId(mid))))
    return found


def told(field: bytes, mid: str, value: bytes) -> dict[str, Any]:
    """Returns what a person can read who has the key, a copy of the shop's secret, and a copy of the value."""
    return opened(SEAL_KEY, SHOP, field, KEYS.message_id(PAGE, MessageId(mid)), value)


def sealer(*keys: Secret) -> Sealer:
    """Returns a sealer as a process with these keys makes it."""
    return Sealer(keys, new_nonce=secrets.token_bytes)


async def fill(box: Box) -> None:
    """Store a message, an edited message, and an edit whose message has not arrived."""
    await box.put(text("m_1", CANARY, customer=PSID), text("m_2", CANARY, customer=PSID))
    await box.put(Edit(MessageId("m_2"), PAGE, PSID, 1, f"{CANARY} edited", None))
    await box.put(Edit(MessageId("m_early"), PAGE, PSID, 1, CANARY, None))


def unpacked(value: bytes) -> bytes:
    """Returns all text that a person can read from a value without a key. Compression hides words, but needs no key, so
    the function tries to decompress from every byte of the value.
    """
    found = []
    for start in range(len(value)):
        with suppress(Corrupt):
            found.append(codec.kept(bytes((codec.MESSAGE,)).ljust(codec.HEADER_BYTES) + value[start:], 0).content)
    return b"".join(found)


async def test_a_stored_value_does_not_show_its_text_without_a_key(box: Box) -> None:
    """A stored edit does not show its text either. The test also checks that its search finds the words in an
    unencrypted value.
    """
    await fill(box)
    for mid in ("m_1", "m_2", "m_early"):
        assert CANARY.encode() not in unpacked(await value_of(box, mid))
    plain = codec.encode_message(text("m_1", CANARY, customer=PSID), KEYS, bytes(4), 432_000)
    assert CANARY.encode() in unpacked(plain)


async def test_a_stored_value_is_decrypted_with_the_secret_of_the_shop_and_the_key(box: Box) -> None:
    """The test decrypts a message, an edited message and a waiting edit with the secret and the key."""
    await fill(box)
    field = await secret_of(box)
    texts = [told(field, mid, await value_of(box, mid))["text"] for mid in ("m_1", "m_2", "m_early")]
    assert texts == [CANARY, f"{CANARY} edited", CANARY]
    assert [message["text"] for message in await box.read()] == [f"{CANARY} edited", CANARY]


async def test_swapped_and_copied_values_cannot_be_decrypted_and_other_values_are_read(box: Box) -> None:
    """A value cannot be decrypted under another message's key or in another shop. A reader leaves the value out, and
    the log names it.
    """
    await box.shops.connect(OTHER_SHOP, OTHER_PAGE)
    await box.put(text("m_1"), text("m_2"), text("m_3"))
    await box.put(text("m_1", page=OTHER_PAGE), shop=OTHER_SHOP)
    others = shop_keys(OTHER_SHOP)
    one, two = await value_of(box, "m_1"), await value_of(box, "m_2")
    for mid, value in (("m_1", two), ("m_2", one)):
        name = KEYS.message(KEYS.message_id(PAGE, MessageId(mid)))
        await box.connection.command("SET", name, value, "XX", "KEEPTTL")
    name = others.message(others.message_id(OTHER_PAGE, MessageId("m_1")))
    await box.connection.command("SET", name, one, "XX", "KEEPTTL")
    assert await box.ids() == ["m_3"]
    assert await box.ids(OTHER_SHOP) == []
    with pytest.raises(Corrupt):
        await box.reader.message(SHOP, MessageId("m_1"))
    assert await box.put(Edit(MessageId("m_1"), PAGE, PSID, 1, "x", None)) == ["unreadable"]


async def test_a_secret_of_another_shop_decrypts_no_message(box: Box) -> None:
    """A secret that is copied into another shop's record is refused, as a secret is whose key is missing."""
    await box.shops.connect(OTHER_SHOP, OTHER_PAGE)
    await box.put(text("m_1"))
    await box.put(text("m_1", page=OTHER_PAGE), shop=OTHER_SHOP)
    await box.connection.command("HSET", KEYS.registry, SECRET_FIELD, await secret_of(box, OTHER_SHOP))
    with pytest.raises(Unavailable) as caught:
        await box.ids()
    assert caught.value.reason == "seal_key_missing"
    assert await box.ids(OTHER_SHOP) == ["m_1"]


async def test_a_purged_shops_secret_is_gone_before_its_messages_are_erased(box: Box) -> None:
    """A copy of the store that was made after the purge has no secret, so no key decrypts its old values. The next
    messages use another secret.
    """
    await fill(box)
    before, value = await secret_of(box), await value_of(box, "m_1")
    receipt = await box.purger.purge_shop(SHOP, "owner")
    erased = await secret_of(box)
    assert erased.startswith(b"-")
    assert int(erased[1:]) // 1000 == receipt.requested_at
    new = int(time.time() * 1000) + 1000
    assert await box.put(text("m_new", sent_at=new)) == ["stored"]
    await box.erased()
    assert await box.ids() == ["m_new"]
    after = await secret_of(box)
    assert after != before
    assert told(before, "m_1", value)["text"] == CANARY, "as a backup from before would"
    with pytest.raises(Corrupt):
        told(after, "m_1", value)


async def test_a_writer_that_does_not_know_of_a_purge_uses_the_new_secret_and_loses_no_message(box: Box) -> None:
    """The writer still remembers the old secret, but stores its next message with the new secret. The old secret does
    not come back.
    """
    other = make_box(box.connection)
    await box.put(text("m_1"))
    await other.put(text("m_2"))
    before = await secret_of(box)
    await box.purger.purge_shop(SHOP, "owner")
    await box.erased()
    new = int(time.time() * 1000) + 1000
    outcomes = await gather(*(one.put(text(f"m_{n}", sent_at=new)) for n, one in enumerate([box, other] * 5, 10)))
    assert outcomes == [["stored"]] * 10
    assert len(await other.ids()) == len(await box.ids()) == 10
    assert await secret_of(box) != before


async def test_parallel_first_writers_of_a_shop_use_one_secret(box: Box) -> None:
    """The first secret to be stored wins and the other writers use it. Each message is stored, and every reader can
    read it.
    """
    boxes = [make_box(box.connection) for _ in range(6)]
    outcomes = await gather(*(one.put(text(f"m_{n}"), text(f"n_{n}")) for n, one in enumerate(boxes)))
    assert outcomes == [["stored", "stored"]] * 6
    for one in (*boxes, box):
        assert len(await one.ids()) == 12


async def test_every_message_is_readable_or_deleted_after_parallel_writes_and_purges(box: Box) -> None:
    """Every stored message is readable, whichever secret it used."""
    boxes = [make_box(box.connection) for _ in range(3)]
    stored: set[str] = set()

    async def write(number: int, one: Box) -> None:
        for n in range(12):
            mid = f"m_{number}_{n}"
            if await one.put(text(mid, sent_at=int(time.time() * 1000) + 60_000)) == ["stored"]:
                stored.add(mid)
            await sleep(0)

    async def purge() -> None:
        for _ in range(3):
            await sleep(0.002)
            await box.purger.purge_shop(SHOP, "owner")

    await gather(purge(), *(write(n, one) for n, one in enumerate(boxes)))
    await box.erased()
    assert len(stored) == 36
    field, found = await secret_of(box), set(await box.ids())
    assert found <= stored
    values = {mid: value for mid in stored if (value := await value_of(box, mid))}
    assert set(values) == found
    assert all(told(field, mid, value)["id"] == mid for mid, value in values.items())


async def test_a_shop_without_stored_messages_gets_a_new_secret(box: Box) -> None:
    """Copies of the shop's earlier messages can then never be decrypted. An idle shop therefore needs no old key."""
    await fill(box)
    before = await secret_of(box)
    await box.put(text("m_3"))
    assert await secret_of(box) == before
    await box.purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_{PSID}"), "owner")
    await box.erased()
    await box.purger.purge_message(SHOP, MessageId("m_3"), "owner")
    lacking = make_box(box.connection, seal_keys=(NEW_KEY,))
    assert await lacking.put(text("m_4")) == ["stored"]
    after = await secret_of(box)
    assert after != before
    assert await box.connection.command("EXISTS", KEYS.waiting_edits) == 0
    await box.purger.purge_message(SHOP, MessageId("m_4"), "owner")
    assert await box.put(Edit(MessageId("m_5"), PAGE, PSID, 1, "x", None)) == ["edit_waiting"]
    assert await secret_of(box) not in {before, after}
    third = await secret_of(box)
    assert await box.put(text("m_5")) == ["stored"]
    assert await secret_of(box) == third, "an edit that waits is something kept"
    assert [message["text"] for message in await box.read()] == ["x"]


async def test_every_message_stays_readable_during_a_change_of_keys(box: Box) -> None:
    """First the processes have the old key. Then all have the old and the new key, then the new and the old key,
    and in the end only the new key. Only the secret of each shop is encrypted again.
    """
    await fill(box)
    value = await value_of(box, "m_1")
    prepared = make_box(box.connection, seal_keys=(SEAL_KEY, NEW_KEY))
    turned = make_box(box.connection, seal_keys=(NEW_KEY, SEAL_KEY))
    done = make_box(box.connection, seal_keys=(NEW_KEY,))
    for lacking in (done.ids(), done.put(text("m_9"))):
        with pytest.raises(Unavailable):
            await lacking
    await prepared.put(text("m_3"))
    assert sealer(SEAL_KEY).is_current(await secret_of(box))
    await turned.put(text("m_4"))
    assert sealer(NEW_KEY).is_current(await secret_of(box))
    assert await prepared.put(text("m_5")) == ["stored"]
    assert await turned.put(text("m_6")) == ["stored"]
    for one in (prepared, turned):
        assert len(await one.ids()) == 6
    turned_again = make_box(box.connection, seal_keys=(NEW_KEY, SEAL_KEY))
    await turned_again.put(text("m_7"))
    assert len(await done.ids()) == 7
    assert await value_of(box, "m_1") == value


async def test_a_shop_with_a_lost_key_works_again_after_a_purge(box: Box) -> None:
    """The purge needs no key. Before the purge, no value of the shop is overwritten."""
    await fill(box)
    lacking = make_box(box.connection, seal_keys=(NEW_KEY,))
    with pytest.raises(Unavailable):
        await lacking.put(text("m_9"))
    await lacking.purger.purge_shop(SHOP, "operator")
    await lacking.erased()
    new = int(time.time() * 1000) + 1000
    assert await lacking.put(text("m_9", sent_at=new)) == ["stored"]
    assert await lacking.ids() == ["m_9"]


async def test_a_shop_without_a_page_gets_no_secret(box: Box) -> None:
    """A delivery for a Page that no shop has stores nothing."""
    assert await box.put(text("m_1"), shop=OTHER_SHOP) == ["unknown_page"]
    assert await box.put(Edit(MessageId("m_2"), PAGE, None, 1, "x", None), shop=OTHER_SHOP) == ["unknown_page"]
    await box.shops.pause(SHOP, True)
    assert await box.put(text("m_1")) == ["paused"]
    assert await secret_of(box) is None
    assert await box.connection.command("EXISTS", shop_keys(OTHER_SHOP).registry) == 0


@pytest.mark.parametrize("purged", ["shop", "conversation", "page"])
async def test_a_purged_edit_that_is_not_yet_erased_is_not_merged_into_its_message(box: Box, purged: str) -> None:
    """For a moment after the purge the edit is hidden and its bytes still exist."""
    await box.put(Edit(MessageId("m_1"), PAGE, PSID, 1, "purged", None), text("m_2", customer=PSID))
    now = int(time.time() * 1_000_000)
    if purged == "shop":
        await box.connection.command("HSET", KEYS.registry, "watermark", now)
    else:
        tag = KEYS.page_tag(PAGE) if purged == "page" else KEYS.conversation_tag(ConversationId(f"{PAGE}_{PSID}"))
        await box.connection.command("SET", b"w:" + KEYS.hash_tag + b":" + tag, now, "EX", 60)
        await box.connection.command("HSET", KEYS.registry, "narrow", now + 60_000_000)
    assert await box.put(Edit(MessageId("m_2"), PAGE, PSID, 1, "late", None)) == ["erased"]
    new = now // 1000 + 1000
    assert await box.put(text("m_1", "as it was said", customer=PSID, sent_at=new)) == ["erased"]
    assert await box.read() == []


async def test_no_key_or_value_shows_a_text_a_number_or_a_customer(box: Box) -> None:
    """The test looks for each text, and for its UTF-8 bytes, in every key, field and member."""
    await fill(box)
    await box.put(*(text(f"m_canary-mid-{n}", f"{CANARY} {n}", customer=PSID) for n in range(30)))
    parts: list[object] = []
    for name in await box.keys():
        parts.append(name)
        match await box.connection.command("TYPE", name):
            case b"string":
                parts.append(await box.connection.command("GET", name))
            case b"hash":
                parts.append(await box.connection.command("HGETALL", name))
            case b"zset":
                parts.append(await box.connection.command("ZRANGE", name, 0, -1))
            case b"stream":
                parts.append(await box.connection.command("XRANGE", name, "-", "+"))
            case other:
                raise AssertionError(f"a type that nobody looks into: {other!r}")
    found = repr(parts).encode() + b"".join(part for part in parts if isinstance(part, bytes))
    assert len(found) > 5_000
    for needle in (CANARY, "canary", "កាណារី", "012 345 678", PSID, "canary-mid", "conversation_id"):
        assert needle.encode() not in found
        assert repr(needle.encode())[2:-1].encode() not in found
