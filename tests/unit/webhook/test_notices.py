"""What viewers get of events that are never stored: normalized, bounded, and without private data."""

import json
from typing import Any

import pytest

from domain.event import Notice
from webhook.normalize import normalize
from webhook.notices import LONGEST_TEXT, MOST

PAGE, CUSTOMER = "104200000000001", "7000000000000001"
POST, COMMENT = f"{PAGE}_7701", "7701_5501"


def read(**entry: Any) -> Notice:
    """Returns the only notice in a delivery of one entry."""
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, **entry}]}).encode()
    (notice,) = normalize(body).notices
    return notice


def happened(**content: Any) -> Notice:
    """Returns the notice of a customer's action."""
    return read(
        messaging=[{"sender": {"id": CUSTOMER}, "recipient": {"id": PAGE}, "timestamp": 1770000000123, **content}]
    )


def changed(**value: Any) -> Notice:
    """Returns the notice of a change on the Page."""
    return read(changes=[{"field": "feed", "value": value}])


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (
            {"reaction": {"mid": "m_1", "action": "react", "reaction": "love", "emoji": "❤️"}},
            {"message_id": "m_1", "action": "react", "reaction": "love", "emoji": "❤️"},
        ),
        ({"reaction": {"mid": "m_1", "action": "unreact"}}, {"message_id": "m_1", "action": "unreact"}),
        ({"reaction": {"mid": 1, "action": None}}, {}),
        ({"reaction": "love"}, {}),
        ({"read": {"watermark": 1770000004000}}, {"watermark": "2026-02-02T02:40:04.000Z"}),
        (
            {"delivery": {"mids": ["m_1", 2, "m_3"], "watermark": 1770000004000}},
            {"watermark": "2026-02-02T02:40:04.000Z", "message_ids": ["m_1", "m_3"]},
        ),
        ({"delivery": {"mids": "m_1", "watermark": "soon"}}, {}),
        ({"referral": {"ref": "poster-7", "x": None}}, {"referral": {"ref": "poster-7"}}),
        ({"typing": True}, {}),
        ({"messaging_customer_information": {"screens": [{"responses": [{"value": "+85512000000"}]}]}}, {}),
        ({"order": {"products": [{"name": "អាវយឺត"}], "note": "ផ្ញើថ្ងៃស្អែក"}}, {}),
        ({"optin": {"one_time_notif_token": "secret"}}, {}),
    ],
)  # fmt: skip
def test_a_notice_has_the_facts_of_a_customers_action(content: dict[str, Any], facts: dict[str, Any]) -> None:
    """The notice names the customer and the time. It leaves out values of a wrong type, and the content of forms and
    orders."""
    notice = happened(**content)
    assert (notice.page, notice.conversation, notice.sent_at) == (PAGE, f"{PAGE}_{CUSTOMER}", 1770000000123)
    assert notice.facts == facts


def test_the_notice_of_a_comment_uses_the_field_names_of_facebook() -> None:
    """The notice names the author by the id that the author has as a customer of the Page."""
    author = {"id": CUSTOMER, "name": "សុខា", "email": "x@example.com"}
    notice = changed(
        item="comment", verb="add", post_id=POST, parent_id=POST, comment_id=COMMENT, message="ថ្លៃប៉ុន្មាន?", photo=None,
        created_time=1770000070, post={"permalink_url": "https://www.facebook.com/1"}, **{"from": author},
    )  # fmt: skip
    assert (notice.kind, notice.page, notice.sent_at) == ("feed", PAGE, 1770000070000)
    assert notice.conversation == f"{PAGE}_{CUSTOMER}"
    assert notice.facts == {
        "item": "comment",
        "verb": "add",
        "post_id": POST,
        "parent_id": POST,
        "comment_id": COMMENT,
        "message": "ថ្លៃប៉ុន្មាន?",
        "from": {"id": CUSTOMER, "name": "សុខា"},
    }


def test_a_post_of_the_page_itself_belongs_to_no_conversation() -> None:
    """Flags stay flags, and photos become addresses."""
    photos = ["https://cdn.example/1.jpg", "https://cdn.example/2.jpg", 3]
    notice = changed(item="status", verb="add", post_id=POST, photos=photos, published=1, **{"from": {"id": PAGE}})
    assert notice.conversation is None
    assert notice.facts == {
        "item": "status",
        "verb": "add",
        "post_id": POST,
        "photos": photos[:2],
        "published": True,
        "from": {"id": PAGE},
    }


def test_texts_and_lists_in_a_notice_are_limited() -> None:
    """The limit holds for a text of any length."""
    notice = changed(item="comment", verb="add", message="ក" * 100_000, photos=["x"] * 1000)
    assert len(notice.facts["message"]) == LONGEST_TEXT
    assert len(notice.facts["photos"]) == MOST


@pytest.mark.parametrize("value", [None, "text", [], {"from": "x", "item": 7, "message": {}, "created_time": []}])
def test_an_unexpected_change_becomes_a_notice_without_facts(value: Any) -> None:
    """The notice has only the kind."""
    notice = read(changes=[{"field": "feed", "value": value}])
    assert (notice.kind, notice.conversation, notice.sent_at, notice.facts) == ("feed", None, None, {})
    assert read(changes=[{"field": "ratings", "value": {"review_text": "x"}}]).facts == {}
