"""The tests check which messages and conversations a search finds."""

import time
from typing import Any

import orjson
import pytest

from api.params import ConversationsQuery
from api.phones import in_message
from api.search import Has, Search, folded
from domain.ids import ConversationId, PageId, Psid
from domain.kept import KeptConversation, KeptMessage
from tests.unit.api.fakes import SHOP, Setup

EXPIRES = 1_770_000_000_000


def kept(text: str | None = None, **parts: Any) -> KeptMessage:
    """Returns a message with this text."""
    content = {"id": "m_1", "direction": "in", "kind": "message"} | ({} if text is None else {"text": text}) | parts
    return KeptMessage(orjson.dumps(content), EXPIRES - 5, EXPIRES)


def found(search: Search, message: KeptMessage) -> bool:
    """Returns whether the search finds the text."""
    return search.of_messages(in_message)(message)


@pytest.mark.parametrize(
    ("q", "text"),
    [
        ("RED shirt", "I take the red  Shirt, please"),
        ("ទូរស័ព្ទ", "ទូរ\u200bស័ព្ទ របស់ខ្ញុំ"),
        ("១២០០០", "តម្លៃ 12000៛"),
        ("12000", "តម្លៃ ១២០០០៛"),
        ("ORDER-55", "my order-55?"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)
def test_a_search_ignores_differences_in_case_spaces_and_digits(q: str, text: str) -> None:
    """The test covers Khmer and Latin script."""
    assert found(Search(q), kept(text))


@pytest.mark.parametrize(
    "text", ["012345678", "012 345 678", "+855 12-345-678", "85512345678", "០១២ ៣៤៥ ៦៧៨", "(012)345.678"]
)
@pytest.mark.parametrize("q", ["012345678", "+855 12 345 678", "0085512345678", "០១២៣៤៥៦៧៨", "12 345 678"])
def test_a_telephone_number_is_found_in_any_spelling(q: str, text: str) -> None:
    """The caller may search for another spelling of the number than the message has."""
    assert found(Search(q), kept(f"call {text} please"))
    assert not found(Search(q), kept("call 012 345 679 please"))


@pytest.mark.parametrize("words", ["a" + "\u0315" * 100 + "\u0334" * 100, "ក" + "\u0301" * 300])
def test_long_rows_of_combining_marks_are_cut_before_they_are_sorted(words: str) -> None:
    """The time of the sorting grows with the square of the number of marks. The search still finds the text around
    them.
    """
    assert len(folded(words)) <= 31
    assert found(Search("shirt"), kept(f"red {words} shirt"))


def test_a_search_covers_titles_but_not_payloads_and_ids() -> None:
    """The titles of buttons and attachments are searched. Ids and addresses are not searched."""
    message = kept(
        postback={"title": "Order now", "payload": "SECRET"}, attachments=[{"type": "file", "title": "slip.pdf"}]
    )
    assert found(Search("order NOW"), message)
    assert found(Search("slip"), message)
    assert not found(Search("secret"), message)
    assert not found(Search("m_1"), message)


@pytest.mark.parametrize(
    ("has", "parts"),
    [
        ("phone", {"text": "012 345 678"}),
        ("photo", {"attachments": [{"type": "image"}]}),
        ("location", {"attachments": [{"type": "location", "coordinates": {"lat": 11.5, "long": 104.9}}]}),
        ("audio", {"attachments": [{"type": "audio"}]}),
        ("file", {"attachments": [{"type": "video"}, {"type": "file"}]}),
    ],
)
def test_the_has_filter_matches_only_messages_with_that_content(has: Has, parts: dict[str, Any]) -> None:
    """No other message matches."""
    assert found(Search(has=has), kept(**parts))
    for other in ("phone", "photo", "location", "audio", "file"):
        assert found(Search(has=other), kept(**parts)) == (other == has)
    assert not found(Search(has="photo"), kept(attachments=[{"type": "image", "sticker_id": "1"}]))


def test_every_filter_must_hold() -> None:
    """The filters are a text, a number and the expiry time."""
    message = kept("red shirt 012 345 678")
    assert found(Search("red", "phone", expires_before=EXPIRES + 1), message)
    assert not found(Search("red", "phone", expires_before=EXPIRES), message)
    assert not found(Search("red", "photo"), message)
    assert not found(Search("blue", "phone"), message)


def test_a_read_without_a_filter_is_no_search() -> None:
    """`answered=false` is a filter."""
    query = ConversationsQuery.model_validate({})
    assert query.search() is None
    assert query.search(answered=False) == Search(answered=False)


def test_a_conversation_is_answered_if_the_page_sent_its_last_message() -> None:
    """The other filters apply to the last message too."""
    page = PageId("1")

    def of(message: KeptMessage) -> KeptConversation:
        return KeptConversation(ConversationId("1_2"), page, Psid("2"), 1, EXPIRES, message)

    fits = Search("hello", answered=True).of_conversations(in_message)
    assert fits(of(kept("hello", direction="out")))
    assert not fits(of(kept("hello")))
    assert not fits(of(kept("bye", direction="out")))


def test_the_answer_to_a_search_has_the_number_of_searched_items(setup: Setup) -> None:
    """An answer without a search does not have this number."""
    answer = setup.client.get(f"{SHOP}/messages?q=nothing+like+it").json()
    assert answer == {"messages": [], "next_cursor": "c1", "looked_at": 2}
    assert len(setup.client.get(f"{SHOP}/messages?q=តម្លៃ&has=photo").json()["messages"]) == 0
    assert "looked_at" not in setup.client.get(f"{SHOP}/messages").json()
    assert setup.client.get(f"{SHOP}/conversations?answered=true").json()["conversations"] == []
    found = setup.client.get(f"{SHOP}/conversations?answered=false").json()
    assert (len(found["conversations"]), found["looked_at"]) == (1, 1)


@pytest.mark.parametrize(
    "query", ["q=%20", "q=%E2%80%8B", f"q={'x' * 101}", "q=a%00", "has=money", "has=photo&has=file"]
)
def test_a_search_that_makes_no_sense_is_refused(setup: Setup, query: str) -> None:
    """The problem does not repeat the search."""
    answer = setup.client.get(f"{SHOP}/messages?{query}")
    assert answer.status_code == 400


def test_a_search_of_a_thousand_messages_takes_milliseconds() -> None:
    """The search is quick also if each message is long, because the text of a message is bounded."""
    message = kept("ខ្ញុំចង់ទិញអាវពណ៌ក្រហម 012 345 678 " * 3)
    fits = Search("012 999 888").of_messages(in_message)
    began = time.process_time()
    for _ in range(1_000):
        fits(message)
    assert time.process_time() - began < 2.0
