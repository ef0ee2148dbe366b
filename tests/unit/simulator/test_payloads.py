"""The outer form of deliveries, and spellings of Facebook that differ from its own documentation."""

import random
from typing import Any

from domain.ids import MessageId, PageId, Psid
from domain.message import Edit
from simulator.happening import ExpectedMessage, Happening
from simulator.oddities import as_number, made_odd
from simulator.payloads import entry, from_customer, from_page

PAGE, PSID = PageId("104200000000001"), Psid("7000000000000001")
AT = 1_770_000_000_123


def test_the_time_of_an_entry_is_in_milliseconds_for_messages_and_in_seconds_for_changes() -> None:
    """Facebook itself uses two units."""
    assert entry(PAGE, AT, "messaging", [])["time"] == entry(PAGE, AT, "standby", [])["time"] == AT
    assert entry(PAGE, AT, "changes", [])["time"] == entry(PAGE, AT, "calls", [])["time"] == AT // 1000


def test_an_echo_has_sender_and_recipient_exchanged() -> None:
    """The customer is the side that is not the Page."""
    assert from_customer(PAGE, PSID, AT)["sender"] == from_page(PAGE, PSID, AT)["recipient"] == {"id": PSID}
    assert from_customer(PAGE, PSID, AT)["recipient"] == from_page(PAGE, PSID, AT)["sender"] == {"id": PAGE}


def test_an_id_becomes_a_number_only_without_loss() -> None:
    """Leading zeros and letters stay text."""
    assert [as_number(identity) for identity in ("104", "007", "shop", "")] == [104, "007", "shop", ""]


def odd(happening: Happening) -> list[Happening]:
    rng = random.Random(1)
    return [made_odd(happening, rng) for _ in range(60)]


def test_odd_spellings_keep_the_meaning() -> None:
    """An odd spelling has an id as a number, a time in seconds or as text, or an unknown key. The message stays the
    same.
    """
    kept = ExpectedMessage(PAGE, MessageId("m_1"), PSID, "in", "message", AT, "បាទ")
    part = from_customer(PAGE, PSID, AT, message={"mid": "m_1", "text": "បាទ"})
    parts: list[Any] = []
    for one in odd(Happening("text", PAGE, "messaging", part, kept)):
        assert isinstance(one.effect, ExpectedMessage)
        assert one.effect in (
            kept,
            ExpectedMessage(PAGE, MessageId("m_1"), PSID, "in", "message", AT // 1000 * 1000, "បាទ"),
        )
        parts.append(one.part)
    assert any(one["sender"]["id"] == int(PSID) for one in parts)
    assert {AT, AT // 1000, str(AT // 1000)} == {one["timestamp"] for one in parts}
    assert any(set(one["message"]) > {"mid", "text"} for one in parts)
    assert part == from_customer(PAGE, PSID, AT, message={"mid": "m_1", "text": "បាទ"})


def test_an_edit_in_seconds_is_dated_in_whole_seconds() -> None:
    """The expected result depends on the spelling."""
    edit = Edit(MessageId("m_1"), PAGE, PSID, 1, "ok", AT)
    part = from_customer(PAGE, PSID, AT, message_edit={"mid": "m_1", "text": "ok", "num_edit": 1})
    moments = {one.effect.sent_at for one in odd(Happening("edit", PAGE, "messaging", part, edit)) if one.effect}
    assert moments == {AT, AT // 1000 * 1000}


def test_changes_and_calls_have_no_odd_spelling() -> None:
    """Events of these two kinds stay unchanged."""
    change = Happening("mention", PAGE, "changes", {"field": "mention", "value": {}})
    assert all(one is change for one in odd(change))
