"""For messages that were read before, the cache holds the positions of their telephone numbers. A position reveals
no number.
"""

import json
import random
from pathlib import Path

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from api.phone_places import PhoneNumbers
from api.phones import in_message
from simulator.texts import customer_line, phone

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "phones.json").read_text(encoding="utf-8"))
TEXTS = [case["text"] for half in VECTORS.values() for case in half]


def message(text: str, **parts: object) -> bytes:
    """Returns a message's content."""
    return orjson.dumps(
        {"id": "m_0120001234567", "kind": "message", "text": text, **parts, "sent_at": "2026-02-02T02:40:00.123Z"}
    )


def test_repeated_reads_of_a_labelled_text_find_the_same_numbers() -> None:
    """The numbers are the same on the first read and when their positions are cached."""
    numbers = PhoneNumbers()
    for text in TEXTS:
        assert [numbers.find(message(text)) for _ in range(3)] == [in_message(message(text))] * 3


@settings(max_examples=60, deadline=None)
@given(st.integers(), st.text(alphabet=' -./()~+\n,0៣๑９\u200b\u20e3"\\acទ', max_size=12))
def test_unusual_characters_in_a_text_do_not_change_the_result_of_the_cache(seed: int, odd: str) -> None:
    """The test inserts unusual characters at any place of lines that the demo shop's customers write."""
    rng = random.Random(seed)
    numbers = PhoneNumbers()
    for _ in range(20):
        text = "\n".join(customer_line(rng, rng.randrange(4)) for _ in range(2))
        at = rng.randrange(len(text) + 1)
        item = message(text[:at] + odd + text[at:], quick_reply={"payload": phone(rng)} if rng.random() < 0.2 else None)
        assert [numbers.find(item) for _ in range(3)] == [in_message(item)] * 3


def test_an_edited_message_has_the_numbers_of_its_new_text() -> None:
    """The cache uses a position only with exactly the same bytes of text."""
    numbers = PhoneNumbers()
    for last in ("123", "456", "123"):
        assert numbers.find(message(f"012 000 {last}")) == [f"+85512000{last}"]


def test_the_cache_holds_no_content_of_a_message() -> None:
    """The cache holds no digits, no words and no ids."""
    numbers = PhoneNumbers()
    for _ in range(3):
        assert numbers.find(message("ឈ្មោះ Sokha ទូរស័ព្ទ 012 345 678")) == ["+85512345678"]
    remembered = repr(vars(numbers))
    assert not [part for part in ("12345678", "012 345 678", "345", "Sokha", "m_0120001234567") if part in remembered]


def test_only_a_bounded_number_of_messages_is_remembered() -> None:
    """The cache removes the oldest message. Its text is searched again at the next read."""
    numbers = PhoneNumbers(3)
    items = [message(f"012 000 12{last}") for last in range(5)]
    for item in (*items, *items):
        assert numbers.find(item) == in_message(item)
        assert sum(len(part) for part in vars(numbers).values() if isinstance(part, dict)) <= 3
