"""Some messages are short in the store and long as JSON. Every read returns such messages in parts, and each message
once.
"""

import secrets
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import orjson
import pytest

from api.answers import event_json, message_json
from cache.live.timeline import READ_BYTES
from cache.messages.reader import PAGE_BYTES, STEP_BYTES
from domain.ids import Psid, conversation_of
from domain.kept import KeptMessage
from domain.query import MessageQuery
from tests.contract.conftest import PAGE, SHOP, Box, text

COUNT = 80
WORDS = "\x01" * 20_000
PAGES = -(-COUNT // (PAGE_BYTES // 120_000 + 1))
LONGEST = 125_000
"""Bytes of one of these long messages as JSON."""


@pytest.fixture(autouse=True)
async def long_messages(box: Box) -> list[str]:
    """Store messages that have ten MB as JSON, each from another customer. Returns the ids, newest first."""
    await box.put(*(text(f"m_{n}", WORDS, customer=Psid(f"{7_000_000_000_000_000 + n}")) for n in range(COUNT)))
    return [f"m_{number}" for number in reversed(range(COUNT))]


@cache
def _incompressible() -> str:
    return "".join(chr(0x4E00 + number * number % 20_000 * 7 % 20_000) for number in range(1_700_000))


def _ids(items: Sequence[KeptMessage]) -> list[str]:
    return [orjson.loads(item.content)["id"] for item in items]


def _size(items: Sequence[KeptMessage]) -> int:
    return sum(len(message_json(item)) for item in items)


async def test_a_page_of_messages_ends_early_and_its_cursor_goes_on(box: Box, long_messages: list[str]) -> None:
    """A page ends early with and without a filter. The caller's limit still applies if it is smaller."""
    for limit, filters in ((100, {}), (100, {"direction": "in"}), (COUNT, {}), (7, {"page": PAGE})):
        found, cursor, sizes = [], None, []
        while True:
            page = await box.reader.messages(SHOP, MessageQuery(limit, cursor, **filters))
            sizes.append(_size(page.items))
            found += _ids(page.items)
            assert len(page.items) <= limit
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == long_messages
        assert max(sizes) < PAGE_BYTES + LONGEST
        assert len(sizes) == (PAGES if limit >= COUNT else -(-COUNT // limit))


async def test_a_page_of_conversations_ends_early_and_its_cursor_goes_on(box: Box, long_messages: list[str]) -> None:
    """The cursor works even if some conversations have moved since the walk began."""
    expected = [conversation_of(PAGE, Psid(f"{7_000_000_000_000_000 + n}")) for n in reversed(range(COUNT))]
    found, cursor, sizes = [], None, []
    while True:
        page = await box.store.conversations.conversations(SHOP, limit=100, cursor=cursor, page=None)
        sizes.append(_size([one.last_message for one in page.items]))
        found += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        await box.put(text(f"m_more_{cursor}", "x", customer=Psid("7000000000000000")))
    assert found == expected
    assert max(sizes) < PAGE_BYTES + LONGEST
    assert len(sizes) == PAGES


async def test_an_export_is_read_in_small_parts(box: Box, long_messages: list[str]) -> None:
    """Each message comes once, oldest first."""
    parts = [part async for part in box.reader.walk(SHOP)]
    assert [one for part in parts for one in _ids(part)] == long_messages[::-1]
    assert max(map(_size, parts)) < STEP_BYTES + LONGEST


async def test_a_stream_is_read_in_small_parts(box: Box, long_messages: list[str]) -> None:
    """Each event comes once and in order. Only the last part is empty."""
    position, found = 0, []
    while (stretch := await box.timeline.read(SHOP, position)).events:
        assert sum(len(event_json(event)) for event in stretch.events) < READ_BYTES + LONGEST
        found += stretch.events
        position = stretch.position
    assert [orjson.loads(event_json(event))["id"] for event in found] == long_messages[::-1]
    assert all((one.position or 0) < (other.position or 0) for one, other in pairwise(found))


async def test_a_message_larger_than_a_part_is_still_returned(box: Box, long_messages: list[str]) -> None:
    """The message has five MB as JSON, and its compressed form is still larger than a part."""
    await box.put(text("m_longest", _incompressible()))
    page = await box.reader.messages(SHOP, MessageQuery(limit=100))
    assert _ids(page.items) == ["m_longest"]
    assert (await box.ids()) == ["m_longest", *long_messages]
    parts = [part async for part in box.reader.walk(SHOP)]
    assert _ids(parts[-1])[-1] == "m_longest"


async def test_each_reply_of_a_page_of_conversations_is_bounded(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compression does not make these messages shorter. Together they have 5 MB."""
    for number in range(40):
        await box.put(text(f"m_random_{number}", secrets.token_hex(120_000), customer=Psid(f"{number}")))
    replies: list[int] = []
    run = box.connection.run

    async def counting(call: Any, **options: Any) -> Any:
        reply = await run(call, **options)
        replies.append(sum(len(part) for part in reply if isinstance(part, bytes)))
        return reply

    monkeypatch.setattr(box.connection, "run", counting)
    found, cursor = [], None
    while True:
        page = await box.store.conversations.conversations(SHOP, limit=100, cursor=cursor, page=None)
        found += [one.customer for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found[:40] == [f"{number}" for number in reversed(range(40))]
    assert len(found) == 40 + COUNT
    assert max(replies) < PAGE_BYTES + 200_000
