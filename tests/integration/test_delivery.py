"""A delivery of the largest size that Facebook sends: every valid event in it is stored once, in the right shop."""

import time

import pytest

from domain.ids import PageId
from simulator.payloads import delivery, entry
from simulator.serialize import Document
from tests.callers import CUSTOMER, PAGE, Facebook, Operator, Shop, text_part
from tests.service import Service

PAGES = ("104200000000001", "104200000000002", "104200000000003")
UNKNOWN = "104200000000009"
PARTS = 1_000


def entries(parts: list[tuple[str, Document]]) -> Document:
    """Returns a delivery that has the elements of each Page together and in their order."""
    now = int(time.time() * 1000)
    pages = dict.fromkeys(page for page, _ in parts)
    return delivery(
        entry(PageId(page), now, "messaging", [part for own, part in parts if own == page]) for page in pages
    )


def thousand() -> list[tuple[str, Document]]:
    """Returns 997 texts for three Pages in turn, with a broken event, an event for an unknown Page and a repeated event
    between them.
    """
    at = int(time.time() * 1000)
    good = []
    for n in range(PARTS - 3):
        page = PAGES[n % 3]
        good.append(
            (page, text_part(f"m_{n}", f"សារទី {n} / <3 🙏", page=page, customer=f"70000000000{n % 50:05d}", at=at))
        )
    broken = {"sender": {"id": [CUSTOMER]}, "recipient": {"id": PAGES[1]}, "message": {"mid": "m_broken", "text": "x"}}
    half = len(good) // 2  # not at the end: the events after them must be kept too
    return [*good[:half], (PAGES[1], broken), (UNKNOWN, text_part("m_unknown", page=UNKNOWN)), good[0], *good[half:]]


def test_the_valid_events_of_a_delivery_of_a_thousand_are_readable(
    service: Service, facebook: Facebook, operator: Operator
) -> None:
    """The events are for three Pages of two shops. One event is broken, one is for an unknown Page and one is repeated.
    The answer is 200 and each event is counted.
    """
    with Shop(service.url, "shop-1") as first, Shop(service.url, "shop-2") as second:
        first.connect(PAGES[0])
        first.connect(PAGES[1])
        second.connect(PAGES[2])
        events, deliveries = operator.counts("events_total"), operator.counts("deliveries_total")

        parts = thousand()
        assert len(parts) == PARTS
        assert facebook.deliver(entries(parts)).status_code == 200

        good = [(page, part) for page, part in parts if page in PAGES and part["message"]["mid"] != "m_broken"]
        sent = {page: {part["message"]["mid"] for own, part in good if own == page} for page in PAGES}
        kept = first.walk(), second.walk()
        assert sorted(message["id"] for message in kept[0]) == sorted(sent[PAGES[0]] | sent[PAGES[1]])
        assert sorted(message["id"] for message in kept[1]) == sorted(sent[PAGES[2]])
        by_id = {message["id"]: message for message in (*kept[0], *kept[1])}
        for page, part in good:
            message = by_id[part["message"]["mid"]]
            assert message["text"] == part["message"]["text"]
            assert (message["page_id"], message["direction"], message["kind"]) == (page, "in", "message")
            assert message["conversation_id"] == f"{page}_{part['sender']['id']}"

        assert operator.counts("deliveries_total") - deliveries == {("accepted",): 1}
        assert operator.counts("events_total") - events == {
            ("message", "stored"): PARTS - 3,
            ("message", "duplicate"): 1,
            ("message", "unknown_page"): 1,
            ("skipped", "bad_id"): 1,
        }


def test_new_messages_do_not_shift_a_walk_of_the_list(facebook: Facebook, shop: Shop) -> None:
    """New messages arrive between two list pages. The walk skips or repeats no old message, and shows no new one."""
    for n in range(30):
        facebook.text(f"m_{n}")
    walked: list[str] = []
    cursor = ""
    for n in range(30, 60):
        page = shop.get("/messages", limit=7, cursor=cursor)
        walked += [message["id"] for message in page["messages"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        facebook.text(f"m_{n}")
    assert walked == [f"m_{n}" for n in reversed(range(30))]


def test_conversations_come_with_their_last_message_and_count(facebook: Facebook, shop: Shop) -> None:
    """The conversation with the newest activity is the first one."""
    for n, customer in enumerate(["11", "22", "11", "33"]):
        facebook.text(f"m_{n}", f"text {n}", customer=customer)
    found = shop.walk("/conversations")
    told = [(one["customer_id"], one["message_count"], one["last_message"]["id"]) for one in found]
    assert told == [("33", 1, "m_3"), ("11", 2, "m_2"), ("22", 1, "m_1")]


def test_edits_and_unsends_have_the_same_effect_in_any_order(facebook: Facebook, shop: Shop) -> None:
    """The edit with the highest `num_edit` wins. An unsent message does not appear, even if the
    unsend arrives first.
    """
    at = int(time.time() * 1000)
    who = {"sender": {"id": CUSTOMER}, "recipient": {"id": PAGE}, "timestamp": at}

    def edit(mid: str, number: int) -> Document:
        return {**who, "message_edit": {"mid": mid, "text": f"edit {number}", "num_edit": number}}

    def unsend(mid: str) -> Document:
        return {**who, "message": {"mid": mid, "is_deleted": True}}

    arriving = [
        *(text_part("m_a"), edit("m_a", 2), edit("m_a", 1)),
        *(edit("m_b", 1), text_part("m_b")),
        *(text_part("m_c"), unsend("m_c")),
        *(unsend("m_d"), text_part("m_d")),
    ]
    for part in arriving:
        assert facebook.deliver(entries([(PAGE, part)])).status_code == 200
    assert {message["id"]: (message["text"], message["edits"]) for message in shop.walk()} == {
        "m_a": ("edit 2", 2),
        "m_b": ("edit 1", 1),
    }


@pytest.mark.parametrize("shape", [{"object": "page", "entry": []}, {"object": "user", "entry": [{"id": "1"}]}, []])
def test_json_without_a_usable_event_is_accepted(facebook: Facebook, shape: object) -> None:
    """If the answer were not 200, Facebook would repeat the delivery for an hour and then unsubscribe the Page."""
    assert facebook.deliver(shape).status_code == 200  # type: ignore[arg-type]
