"""Pure: turns a message of the Conversations edge into the message that a webhook would have brought.

The id is the same, so a message that comes in both ways is stored once. Facebook does not document that the ids are
always the same. Graph does not return quick replies, referrals and postbacks, so these members stay absent.
https://developers.facebook.com/docs/graph-api/reference/message
"""

from collections.abc import Iterator
from typing import Any, Final, Literal

from domain.ids import MessageId, PageId, Psid
from domain.loose import ID_LENGTH, MID_LENGTH, REPLACEMENT
from domain.message import Fact, Message
from domain.moment import from_text
from graph_client.parse import holds_token, plain

NotReadableReason = Literal["no_id", "no_details", "no_other_side"]

_UNSUPPORTED: Final = "unsupported"
"""The type of an attachment when Graph, or the service, knows only that it exists."""
_BY_MIME: Final = {"image": "image", "video": "video", "audio": "audio"}


class NotReadable(Exception):
    """A message that cannot be stored: without an id, with nothing but an id, or without a person.

    Graph returns details of a conversation's newest twenty messages only. Older messages look deleted.
    """

    def __init__(self, reason: NotReadableReason) -> None:
        super().__init__(reason.replace("_", " "))
        self.reason = reason


def message_of(page: PageId, raw: dict[str, Any]) -> Message:
    """Returns one message, requested with `HISTORY_MESSAGE_FIELDS` (edges.py). Raises NotReadable."""
    mid = _ident(raw.get("id"), MID_LENGTH)
    if mid is None:
        raise NotReadable("no_id")
    if raw.get("error") is not None or not isinstance(raw.get("from"), dict):
        raise NotReadable("no_details")
    sender = _ident(raw["from"].get("id"), ID_LENGTH)
    ours = sender == page
    customer = next((one for one in _receivers(raw) if one != page), None) if ours else sender
    if customer is None:
        raise NotReadable("no_other_side")
    text = raw.get("message")
    text = text if isinstance(text, str) and text else None
    attachments = attachments_of(raw)
    if text is None and not attachments:
        # Graph names no part that the service knows. As with webhooks, the shop sees that something was sent.
        attachments = [{"type": _UNSUPPORTED}]
    return Message(
        id=MessageId(mid),
        page=page,
        customer=Psid(customer),
        direction="out" if ours else "in",
        kind="message",
        sent_at=from_text(str(raw.get("created_time", ""))),
        text=text,
        attachments=attachments or None,
        reply_to=_reply(raw.get("reply_to")),
    )


def _receivers(raw: dict[str, Any]) -> Iterator[str]:
    for person in _rows(raw.get("to")):
        if (one := _ident(person.get("id"), ID_LENGTH)) is not None:
            yield one


def attachments_of(raw: dict[str, Any]) -> list[Fact]:
    """Returns the parts of a message beside its text: attachments, then a sticker, then shared links, each of them
    once.

    Stickers and links also come as attachments.
    """
    facts = [_attachment(item) for item in _rows(raw.get("attachments"))]
    there = {fact.get("url"): fact for fact in facts}
    sticker = _address(raw.get("sticker"))
    if sticker is not None:
        if sticker in there:
            there[sticker]["type"] = "sticker"
        elif all(fact["type"] != "sticker" for fact in facts):
            facts.append({"type": "sticker", "url": sticker})
        there[sticker] = {}
    for share in _rows(raw.get("shares")):
        link, title = _address(share.get("link")), share.get("name")
        if link is None or link not in there:
            members = {"url": link, "title": title if isinstance(title, str) and title else None}
            facts.append({"type": "fallback", **{name: one for name, one in members.items() if one is not None}})
    return facts


def _attachment(item: dict[str, Any]) -> Fact:
    """Returns `{"type", "url"}`, as in a webhook; a template with its content."""
    image, video, template = item.get("image_data"), item.get("video_data"), item.get("generic_template")
    mime, url = item.get("mime_type"), _address(item.get("file_url"))
    if isinstance(image, dict):
        kind = "sticker" if image.get("render_as_sticker") in (True, "true") else "image"
        url = _address(image.get("url")) or url
    elif isinstance(video, dict):
        kind, url = "video", _address(video.get("url")) or url
    elif isinstance(template, dict):
        return {**plain(template), "type": "template", "template_type": "generic"}
    else:
        kind = _BY_MIME.get(mime.partition("/")[0], "file") if isinstance(mime, str) else "file"
    return {"type": _UNSUPPORTED} if url is None else {"type": kind, "url": url}


def _reply(raw: Any) -> Fact | None:
    """Returns the message that is answered: `{"id", "is_self_reply"}`. The service may not have that message."""
    mid = _ident(raw.get("mid"), MID_LENGTH) if isinstance(raw, dict) else None
    if mid is None:
        return None
    itself = raw.get("is_self_reply")
    return {"id": mid, "is_self_reply": itself} if isinstance(itself, bool) else {"id": mid}


def _rows(edge: Any) -> list[dict[str, Any]]:
    """Returns the objects of an edge inside a message."""
    rows = edge.get("data") if isinstance(edge, dict) else edge
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _address(value: Any) -> str | None:
    return value if isinstance(value, str) and value and not holds_token(value) else None


def _ident(value: Any, longest: int) -> str | None:
    """Returns an id as text, from text or a whole number; None for anything else, and for text in which a character was
    replaced because it was not valid.
    """
    text = str(value) if type(value) is int and value >= 0 else value
    if type(text) is str and 0 < len(text) <= longest and text.isprintable() and REPLACEMENT not in text:
        return text
    return None
