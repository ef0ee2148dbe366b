"""Searches in a running service: what a search finds, how many messages it reads, and that other shops do not see the
result."""

import time

from simulator.payloads import delivery, entry, from_customer
from tests.callers import CUSTOMER, PAGE, Facebook, Shop, text_part, texts
from tests.service import Service

OTHERS = 1_100
"""More messages than one search looks at."""


def test_a_search_with_a_cursor_finds_one_message_among_very_many(
    facebook: Facebook, shop: Shop, service: Service
) -> None:
    """The answer says how many messages it looked at, and its cursor continues. Another shop finds nothing."""
    facebook.text("m_wanted", "អាវក្រហម ទូរស័ព្ទ ០១២ ៣៤៥ ៦៧៨")
    for first_of in range(0, OTHERS, 100):
        numbers = range(first_of, first_of + 100)
        assert facebook.deliver(texts(f"m_{number}" for number in numbers)).status_code == 200
    for q in ("+855 12 345 678", "អាវក្រហម"):
        first = shop.get("/messages", q=q)
        assert (first["messages"], first["next_cursor"] is None) == ([], False)
        assert OTHERS > first["looked_at"] >= 1_000
        second = shop.get("/messages", q=q, cursor=first["next_cursor"])
        assert [message["id"] for message in second["messages"]] == ["m_wanted"]
        assert first["looked_at"] + second["looked_at"] == OTHERS + 1
    assert shop.ids(has="phone") == ["m_wanted"]
    with Shop(service.url, "shop-2") as other:
        assert other.get("/messages", q="012345678") == {"messages": [], "next_cursor": None, "looked_at": 0}
    log = service.log.read_text(encoding="utf-8")
    assert "345678" not in log
    assert "%E1%9E" not in log


def test_the_next_list_page_of_a_search_begins_with_the_next_match(facebook: Facebook, shop: Shop) -> None:
    """Each match comes once, for every size of list page and together with every other filter."""
    for number in range(30):
        facebook.text(f"m_{number}", "red shirt" if number % 3 == 0 else "blue shirt")
    wanted = [f"m_{number}" for number in reversed(range(0, 30, 3))]
    for limit in (1, 4, 10, 100):
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            page = shop.get("/messages", q="RED", limit=limit, cursor=cursor, page=PAGE, direction="in")
            assert len(page["messages"]) <= limit
            found += [message["id"] for message in page["messages"]]
            cursor = page["next_cursor"]
        assert found == wanted
    assert shop.ids(q="red", direction="out") == []


def test_conversations_are_filtered_by_answer_content_and_expiry(facebook: Facebook, shop: Shop) -> None:
    """The last message of a conversation decides."""
    for number in range(12):
        customer = f"{7_000_000_000_000_000 + number}"
        words = "red" if number % 2 else "blue"
        facebook.part(text_part(f"m_{number}", words, customer=customer))
    picture = from_customer(
        PAGE,
        CUSTOMER,
        int(time.time() * 1000),
        message={"mid": "m_picture", "attachments": [{"type": "image", "payload": {"url": "https://cdn.example/a"}}]},
    )
    facebook.deliver(delivery([entry(PAGE, int(time.time() * 1000), "messaging", [picture])]))
    red = shop.walk("/conversations", q="red")
    assert {one["last_message"]["text"] for one in red} == {"red"}
    assert len(red) == 5
    (with_picture,) = shop.walk("/conversations", has="photo")
    assert with_picture["last_message"]["id"] == "m_picture"
    assert len(shop.walk("/conversations", answered="false")) == 12
    assert shop.walk("/conversations", answered="true") == []
    newest = shop.get("/conversations", limit=1)["conversations"][0]["last_message"]["expires_at"]
    before = shop.walk("/conversations", expires_before=newest)
    # The last two messages can have the same millisecond.
    earlier = [one for one in shop.walk("/conversations") if one["last_message"]["expires_at"] < newest]
    assert before == earlier
    assert len(before) in {10, 11}
    assert shop.walk("/conversations", expires_before="2026-01-01T00:00:00Z") == []
    assert shop.ids(expires_before="2999-01-01T00:00:00Z") == shop.ids()
    small: list[str] = []
    cursor = ""
    while cursor is not None:
        page = shop.get("/conversations", q="blue", limit=1, cursor=cursor)
        small += [one["id"] for one in page["conversations"]]
        cursor = page["next_cursor"]
    assert len(small) == len(set(small)) == 6
