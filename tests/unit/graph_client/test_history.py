"""Messages of the Conversations edge in the shape of webhook messages."""

from typing import Any

import pytest

from domain.event import Storable
from domain.ids import MessageId, PageId, Psid
from domain.message import Fact, Message
from graph_client.history import NotReadable, NotReadableReason, message_of

PAGE, CUSTOMER = PageId("104200000000001"), Psid("7000000000000001")
FROM_CUSTOMER: dict[str, Any] = {"from": {"id": CUSTOMER}, "to": {"data": [{"id": PAGE}]}}
FROM_PAGE: dict[str, Any] = {"from": {"id": PAGE}, "to": {"data": [{"id": PAGE}, {"id": CUSTOMER}]}}


def read(**raw: Any) -> Message:
    """Returns the result for a message of the customer."""
    return message_of(PAGE, {"id": "m_1", "created_time": "2026-02-02T02:40:00+0000", **FROM_CUSTOMER, **raw})


def attached(**raw: Any) -> list[Fact] | None:
    """Returns the attachments of the result."""
    return read(**raw).attachments


def test_a_text_message_equals_the_message_of_a_webhook() -> None:
    """Facebook's time is in whole seconds here."""
    expected: Storable = Message(MessageId("m_1"), PAGE, CUSTOMER, "in", "message", 1_770_000_000_000, "សួស្តី\u200b 🙏")
    assert read(message="សួស្តី\u200b 🙏") == expected


def test_a_message_from_the_page_has_the_direction_out_and_the_customer() -> None:
    """The conversation's id has the Page first and then the customer, as in a webhook."""
    message = read(message="បាទ", **FROM_PAGE)
    assert (message.direction, message.customer) == ("out", CUSTOMER)
    assert message.conversation == f"{PAGE}_{CUSTOMER}"


def test_ids_may_be_numbers() -> None:
    """Facebook does this in other places too."""
    message = read(id=12, message="x", **{"from": {"id": int(CUSTOMER)}, "to": None})
    assert (message.id, message.customer) == ("12", CUSTOMER)


def test_an_invalid_time_is_left_out() -> None:
    """The store then uses the time of receipt."""
    assert read(message="x", created_time=None).sent_at is None
    assert read(message="x", created_time="soon").sent_at is None


@pytest.mark.parametrize(
    ("item", "fact"),
    [
        ({"mime_type": "image/jpeg", "image_data": {"url": "u", "width": 5}}, {"type": "image", "url": "u"}),
        ({"image_data": {"url": "u", "render_as_sticker": True}}, {"type": "sticker", "url": "u"}),
        ({"mime_type": "video/mp4", "video_data": {"url": "u", "length": 3}}, {"type": "video", "url": "u"}),
        ({"mime_type": "audio/mp4", "file_url": "u", "name": "voice"}, {"type": "audio", "url": "u"}),
        ({"mime_type": "video/mp4", "file_url": "u"}, {"type": "video", "url": "u"}),
        ({"mime_type": "application/pdf", "file_url": "u", "name": "a.pdf"}, {"type": "file", "url": "u"}),
        ({"file_url": "u"}, {"type": "file", "url": "u"}),
        ({"image_data": {}, "file_url": "u"}, {"type": "image", "url": "u"}),
        (
            {"generic_template": {"title": "T", "cta": {"id": 2**60}, "type": "x"}},
            {"type": "template", "template_type": "generic", "title": "T", "cta": {"id": str(2**60)}},
        ),
        ({"id": "9"}, {"type": "unsupported"}),
        ({"file_url": "https://x.example/?access_token=EAA"}, {"type": "unsupported"}),
    ],
)
def test_an_attachment_has_the_same_shape_as_in_a_webhook(item: Fact, fact: Fact) -> None:
    """An attachment has a type and an address, in an edge or in a plain list."""
    assert attached(attachments={"data": [item, None]}) == [fact]
    assert attached(attachments=[item]) == [fact]


def test_a_sticker_comes_once() -> None:
    """Graph returns a sticker as a field, as an attachment or as a share, and often in several of these forms."""
    sticker = {"type": "sticker", "url": "https://cdn.example/like.png"}
    image = {"data": [{"image_data": {"url": sticker["url"]}}]}
    shares = {"data": [{"link": sticker["url"]}]}
    assert attached(sticker=sticker["url"]) == [sticker]
    assert attached(sticker=sticker["url"], attachments=image) == [sticker]
    assert attached(sticker=sticker["url"], attachments=image, shares=shares) == [sticker]
    other = {"data": [{"image_data": {"url": "https://cdn.example/other.png", "render_as_sticker": True}}]}
    assert attached(sticker=sticker["url"], attachments=other) == [{**sticker, "url": "https://cdn.example/other.png"}]


def test_shared_links_come_after_the_attachments() -> None:
    """Webhooks have the same form: `fallback`, with the available data."""
    shares = {"data": [{"link": "https://shop.example/1", "name": "ទំព័រហាង", "id": "5"}, {"link": "https://s/2"}, {}]}
    assert attached(message="មើលនេះ", shares=shares) == [
        {"type": "fallback", "url": "https://shop.example/1", "title": "ទំព័រហាង"},
        {"type": "fallback", "url": "https://s/2"},
        {"type": "fallback"},
    ]


@pytest.mark.parametrize("raw", [{"message": ""}, {"is_unsupported": True}, {"message": 7}])
def test_a_message_without_content_becomes_an_unsupported_attachment(raw: Fact) -> None:
    """The shop can look at it in Facebook's own inbox."""
    message = read(**raw)
    assert (message.text, message.attachments) == (None, [{"type": "unsupported"}])


@pytest.mark.parametrize(
    ("raw", "fact"),
    [
        ({"mid": "m_0", "is_self_reply": False, "more": 1}, {"id": "m_0", "is_self_reply": False}),
        ({"mid": "m_0"}, {"id": "m_0"}),
        ({}, None),
        ("m_0", None),
    ],
)
def test_a_reply_refers_to_its_message_in_the_same_way_as_in_a_webhook(raw: object, fact: Fact | None) -> None:
    """The service may never have stored that message."""
    assert read(message="x", reply_to=raw).reply_to == fact


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"id": None}, "no_id"),
        ({"id": ""}, "no_id"),
        ({"id": "x" * 513}, "no_id"),
        ({"id": "m_\n"}, "no_id"),
        ({"id": True}, "no_id"),
        ({"from": None}, "no_details"),
        ({"error": {"code": 100}}, "no_details"),
        ({"from": {}}, "no_other_side"),
        ({"from": {"id": PAGE}, "to": {"data": [{"id": PAGE}, {"name": "x"}]}}, "no_other_side"),
        ({"from": {"id": PAGE}, "to": None}, "no_other_side"),
    ],
)
def test_an_unreadable_message_raises_an_error_with_the_reason(raw: Fact, reason: NotReadableReason) -> None:
    """A deleted message and an old message look the same: each has only an id."""
    with pytest.raises(NotReadable) as refused:
        read(message="x", **raw)
    assert refused.value.reason == reason
    assert str(refused.value) == reason.replace("_", " ")
