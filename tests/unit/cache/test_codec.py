"""A stored value gives the right answer for any message, text and edit. No value makes a reader crash."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.answers import message_json
from api.models import MessageModel
from cache import codec
from cache.codec import decode, edited, encode_message, encode_waiting_edit, fields, kept, merged
from cache.errors import Corrupt
from cache.keys import MAX_TTL_SECONDS, ShopKeys
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.message import Edit, Message
from domain.moment import LAST_MOMENT, from_text

KEYS = ShopKeys(ShopId("sokha"))
PAGE, CUSTOMER = PageId("104200000000001"), Psid("7000000000000001")
NONCE = b"\x00\x01\xfe\xff"
SCORE = 1_770_000_000_123_456
DAY = 86_400

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
"""All of Unicode except lone surrogates, which `webhook/values.py` has replaced before."""
LOOKALIKES = st.sampled_from([',"ttl":5}', '","ttl":5}', ',"ttl":5', '"}', "ttl", '\\",\\"ttl\\":5}'])
WORDS = TEXTS | LOOKALIKES
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.just("ttl"), inner, max_size=3),
    max_leaves=8,
)
FACTS = st.none() | st.dictionaries(WORDS | st.just("ttl"), JSON, max_size=3)
MESSAGES = st.builds(
    Message,
    id=WORDS.map(MessageId),
    page=TEXTS.map(PageId),
    customer=TEXTS.map(Psid),
    direction=st.sampled_from(["in", "out"]),
    kind=st.sampled_from(["message", "postback"]),
    sent_at=st.none() | st.integers(0, LAST_MOMENT),
    text=st.none() | WORDS,
    attachments=st.none() | st.lists(st.dictionaries(WORDS | st.just("ttl"), JSON, max_size=3), max_size=3),
    quick_reply=FACTS,
    reply_to=FACTS,
    postback=FACTS,
    referral=FACTS,
    standby=st.booleans(),
    edits=st.integers(0, 5),
)
TTLS = st.just(MAX_TTL_SECONDS) | st.integers(1, MAX_TTL_SECONDS)
EDITS = st.builds(
    Edit,
    id=st.just(MessageId("m_1")),
    page=st.just(PAGE),
    customer=st.none() | st.just(CUSTOMER),
    number=st.integers(1, 100),
    text=st.none() | WORDS,
    sent_at=st.none(),
)


def said(text: str | None = "សួស្តី", **facts: Any) -> Message:
    known = {"id": "m_1", "page": PAGE, "customer": CUSTOMER, "direction": "in", "kind": "message", "sent_at": None}
    return Message(**{**known, "text": text, **facts})


def stored(message: Message, ttl: int = MAX_TTL_SECONDS) -> bytes:
    return encode_message(message, KEYS, NONCE, ttl)


def answered(value: bytes) -> dict[str, Any]:
    found = orjson.loads(message_json(kept(value, SCORE)))
    assert isinstance(found, dict)
    return found


def edit(number: int, text: str | None) -> Edit:
    return Edit(MessageId("m_1"), PAGE, CUSTOMER, number, text, None)


@given(MESSAGES, TTLS)
@example(said(',"ttl":5}'), MAX_TTL_SECONDS)
@example(said(None, attachments=[{"type": "file", "ttl": 5}]), MAX_TTL_SECONDS)
@example(said(None, referral={"x": 1, "ttl": 5}), MAX_TTL_SECONDS)
@example(said(None, attachments=[{"x": ',"ttl":5}', "ttl": 5}]), DAY)
def test_a_stored_message_is_answered_with_the_same_facts(message: Message, ttl: int) -> None:
    """The answer has the same facts, the right receipt time and the right expiry time. A text that looks like a
    mark of our format is stored as content.
    """
    found = answered(stored(message, ttl))
    assert from_text(found.pop("received_at")) == SCORE // 1000
    assert from_text(found.pop("expires_at")) == SCORE // 1000 + ttl * 1000
    assert found == fields(message)
    assert found.get("text") == message.text


def test_a_record_has_the_members_of_the_api() -> None:
    """Each member of an answer is in the record, or the reader adds it: the two times and the telephone numbers."""
    fact = {"a": 1}
    facts: dict[str, Any] = dict.fromkeys(("quick_reply", "reply_to", "postback", "referral"), fact)
    whole = said(**facts, attachments=[{"type": "image"}], standby=True, edits=1, app_id="1", metadata="x", sent_at=1)
    added = {"received_at", "expires_at", "phone_numbers"}
    assert set(fields(whole)) | added == set(MessageModel.model_fields)
    MessageModel.model_validate_json(message_json(kept(stored(whole), SCORE), ["+85512000123"]))


def test_absent_facts_are_left_out() -> None:
    """An absent fact is never null, so that a reader has one way to check for it."""
    found = answered(stored(said(None)))
    assert set(found) == {"id", "page_id", "conversation_id", "direction", "kind", "received_at", "expires_at"}


def test_an_empty_text_and_an_empty_list_are_facts() -> None:
    """Facebook has sent them."""
    found = answered(stored(said("", attachments=[])))
    assert found["text"] == ""
    assert found["attachments"] == []


@given(MESSAGES)
def test_the_header_has_the_layout_that_the_scripts_expect(message: Message) -> None:
    """`put.lua` and `page.lua` read its fields by position."""
    value = stored(message)
    page_tag = KEYS.page_tag(message.page)
    assert value[0] == codec.MESSAGE
    assert value[1] & 1 == (message.direction == "out")
    assert value[1] & 0xFE == page_tag[0] & 0xFE
    assert value[2:6] == NONCE
    assert value[6:12] == page_tag
    assert value[12:20] == KEYS.conversation_tag(message.conversation)


@given(MESSAGES, TTLS, EDITS)
def test_an_edit_changes_the_text_and_the_count_and_nothing_else(message: Message, ttl: int, change: Edit) -> None:
    """The nonce and the deadline do not change. An edit whose number is not higher changes nothing."""
    value = stored(message, ttl)
    newer = edited(value, change)
    if change.number <= message.edits:
        assert newer is None
        return
    assert newer is not None
    assert newer[: codec.HEADER_BYTES] == value[: codec.HEADER_BYTES]
    before, after = answered(value), answered(newer)
    assert after.pop("edits") == change.number
    assert after.pop("text", None) == change.text
    before.pop("edits", None)
    before.pop("text", None)
    assert after == before


@given(st.permutations([edit(1, "one"), edit(2, "two"), edit(3, None), edit(4, ',"ttl":5}')]))
def test_the_highest_edit_wins_in_every_order(edits: list[Edit]) -> None:
    """The order of arrival does not matter."""
    value = stored(said("zero"), DAY)
    for change in edits:
        value = edited(value, change) or value
    found = answered(value)
    assert (found["edits"], found["text"]) == (4, ',"ttl":5}')


@given(MESSAGES, TTLS, EDITS)
def test_an_edit_before_its_message_gives_the_same_result_as_an_edit_after_it(
    message: Message, ttl: int, change: Edit
) -> None:
    """The order of arrival does not change the result."""
    original = replace(message, edits=0)
    value = stored(original, ttl)
    waiting = encode_waiting_edit(change, KEYS, NONCE)
    later = edited(value, change)
    assert later is not None
    assert answered(merged(value, waiting)) == answered(later)
    assert merged(value, waiting)[: codec.HEADER_BYTES] == value[: codec.HEADER_BYTES]


@given(EDITS, EDITS)
def test_the_higher_of_two_waiting_edits_stays(first: Edit, second: Edit) -> None:
    """Two edits may arrive before their message."""
    waiting = encode_waiting_edit(first, KEYS, NONCE)
    newer = edited(waiting, second) or waiting
    highest = second if second.number > first.number else first
    found = answered(merged(stored(said()), newer))
    assert (found["edits"], found.get("text")) == (highest.number, highest.text)


def test_a_waiting_edit_is_no_message() -> None:
    """No answer contains a waiting edit."""
    waiting = encode_waiting_edit(edit(1, "private"), KEYS, NONCE)
    assert waiting[0] == codec.WAITING_EDIT
    with pytest.raises(Corrupt):
        kept(waiting, SCORE)


def test_a_waiting_edit_whose_customer_is_unknown_has_a_tag_of_zeros() -> None:
    """The edit belongs to its Page, and a purge of the Page erases it."""
    waiting = encode_waiting_edit(replace(edit(1, "x"), customer=None), KEYS, NONCE)
    assert waiting[6:12] == KEYS.page_tag(PAGE)
    assert waiting[12:20] == bytes(8)


@pytest.mark.parametrize("value", [b"", b"\x01", bytes(20), b"\x01" + bytes(19), b"\x03" + bytes(60), b"\x00" * 60])
def test_a_tombstone_a_short_value_and_an_unknown_version_are_corrupt(value: bytes) -> None:
    """The error is `Corrupt` and not an IndexError."""
    with pytest.raises(Corrupt):
        decode(value)


@given(st.data())
def test_a_damaged_value_raises_no_other_error_than_corrupt(data: st.DataObject) -> None:
    """A value has no checksum, so a reader may not notice a flipped bit. Every damage that it notices raises the
    same error."""
    value = bytearray(stored(said("តម្លៃប៉ុន្មាន? how much?" * 3, attachments=[{"type": "image", "url": "x"}])))
    for _ in range(data.draw(st.integers(1, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for read in (lambda: decode(bytes(value)), lambda: kept(bytes(value), SCORE)):
        try:
            read()
        except Corrupt as error:
            assert error.reason == "corrupt_record"  # noqa: PT017 - most damage is no error at all


@given(st.binary(max_size=80))
@example(bytes.fromhex("e0ffffffffffffff7f") + bytes(8))
def test_random_bytes_raise_no_other_error_than_corrupt(frame: bytes) -> None:
    """A frame that claims to hold exabytes is refused too, and no memory is reserved for it."""
    try:
        decode(b"\x01" + bytes(19) + frame)
    except Corrupt as error:
        assert error.reason == "corrupt_record"  # noqa: PT017


def test_a_text_takes_less_room_than_its_json() -> None:
    """The dictionary has the fixed parts of a record."""
    message = said("Is this still available?", sent_at=1_770_000_000_000)
    assert len(stored(message)) < len(orjson.dumps(fields(message))) * 0.6


def test_a_value_of_the_first_release_is_readable() -> None:
    """The values are of the first release. The dictionary and the layout must keep such values readable for
    five days."""
    value = bytes.fromhex(
        "01fc0001fefffd50f2504bc41fd1a71dc345151120ec3d0200a30208bdee7a7183e1b2d9182be86e746dccbeb3c1a8d95664c9580123062ff6aced1e0dfc660cfdfcca240f6cb780724480e8c99c70a4c93d5a61102e3fbcdd047d3cd1e42f05"
    )
    found = answered(value)
    assert found["id"] == "m_1"
    assert found["text"] == "តម្លៃប៉ុន្មាន?"
    assert found["edits"] == 2
    assert from_text(found["expires_at"]) == SCORE // 1000 + DAY * 1000
