"""Reads one element of `messaging[]` or `standby[]`: a message, an echo, an edit, an unsend, a postback or a notice.

https://developers.facebook.com/docs/messenger-platform/webhooks
"""

from hashlib import blake2b
from typing import Any, Final

import orjson

from domain.event import Notice, NoticeKind, Storable
from domain.ids import MessageId, PageId, Psid, conversation_of
from domain.loose import ID_LENGTH, MID_LENGTH
from domain.message import TAP, Direction, Edit, Message, Unsend
from webhook import facts, notices
from webhook.facts import Json
from webhook.values import NotUnderstood, SkipReason, flag, ident, sent_at

_NOTICES: Final[dict[str, NoticeKind]] = {
    "read": "read",
    "delivery": "delivery",
    "reaction": "reaction",
    "typing": "typing",
    "referral": "referral",
    "optin": "optin",
    "account_linking": "account_linking",
    "pass_thread_control": "thread_control",
    "take_thread_control": "thread_control",
    "request_thread_control": "thread_control",
    "app_roles": "app_roles",
    "policy_enforcement": "policy_enforcement",
    "policy-enforcement": "policy_enforcement",
    "messaging_customer_information": "customer_information",
    "messaging_feedback": "feedback",
    "response_feedback": "feedback",
    "order": "order",
    "game_play": "game_play",
}
"""The keys of events that are never stored, and the kind of notice for each key."""

_MOST_EDITS = 1_000_000
"""Facebook's own client allows five edits. With this bound, every client of the API can read the number exactly."""


def read(event: Any, page: PageId | None, *, standby: bool = False) -> Storable | Notice:
    """Returns the event of one element of `messaging[]` or `standby[]`. `page` is the Page that the entry names.
    Facebook uses `standby[]` while another app owns the thread. Raises NotUnderstood, or Inexact (values.py).

    Some events have several keys. So `message` is read first, with its deleted and echo flags, and then other keys.
    """
    if type(event) is not dict:
        raise NotUnderstood("malformed_event")
    message = event.get("message")
    if type(message) is dict:
        if "is_deleted" in message and flag(message["is_deleted"]):
            return _unsend(event, message, page)
        return _message(event, message, page, standby)
    if message is not None:
        if type(message) is not str:
            raise NotUnderstood("malformed_event")
        return _notice("other", event, page, message)  # a group's comment has its text here
    if event.get("postback") is not None:
        return _postback(event, page, standby)
    if event.get("message_edit") is not None:
        return _edit(event, page)
    for key, kind in _NOTICES.items():
        if key in event:
            return _notice(kind, event, page, event[key])
    raise NotUnderstood("unknown_event")


def _message(event: Json, message: Json, page: PageId | None, standby: bool) -> Message:
    echo = "is_echo" in message and flag(message["is_echo"])
    page, customer = _page_and_customer(event, page, echo)
    mid = _mid(message)
    text = message.get("text")
    if text is not None and type(text) is not str:
        raise NotUnderstood("malformed_event")
    direction: Direction = "out" if echo else "in"
    moment = sent_at(event.get("timestamp"))
    if len(message) == 2 and text is not None:  # mid and text only: most messages
        return Message(mid, page, customer, direction, "message", moment, text, standby=standby)
    app_id, metadata = facts.echo(message) if echo else (None, None)
    return Message(
        id=mid,
        page=page,
        customer=customer,
        direction=direction,
        kind="message",
        sent_at=moment,
        text=text,
        attachments=facts.attachments(message),
        quick_reply=facts.known(message.get("quick_reply")),
        reply_to=facts.reply(message.get("reply_to")),
        referral=facts.known(message.get("referral")),
        standby=standby,
        app_id=app_id,
        metadata=metadata,
    )


def _postback(event: Json, page: PageId | None, standby: bool) -> Message:
    """Returns the tap on a button as a message. `payload` is missing in `standby[]` and for buttons of other apps."""
    postback = event["postback"]
    if type(postback) is not dict:
        raise NotUnderstood("malformed_event")
    page, customer = _page_and_customer(event, page, False)
    fact = facts.known({key: item for key, item in postback.items() if key not in ("mid", "referral")})
    moment = sent_at(event.get("timestamp"))
    mid = _postback_id(customer, moment, fact or {}) if postback.get("mid") is None else _mid(postback)
    return Message(
        id=mid,
        page=page,
        customer=customer,
        direction="in",
        kind="postback",
        sent_at=moment,
        postback=fact,
        referral=facts.known(postback.get("referral")),
        standby=standby,
    )


def _postback_id(customer: Psid, moment: int | None, fact: Json) -> MessageId:
    """Returns an id for a tap without a `mid`, which older taps do not have. In a repeated delivery the tap gets the
    same id.

    The id is made from the customer, the time, and the payload, or the title if there is no payload. These values are
    encoded as JSON, so that two different taps never look equal.
    """
    what = fact.get("payload", fact.get("title"))
    identity = orjson.dumps([customer, moment, what], option=orjson.OPT_SORT_KEYS)
    return MessageId(TAP + blake2b(identity, digest_size=16).hexdigest())


def _edit(event: Json, page: PageId | None) -> Edit:
    """Returns an edit, which has the new text and the `mid` of the message. An edit without a number is number 1."""
    edit = event["message_edit"]
    if type(edit) is not dict:
        raise NotUnderstood("malformed_event")
    page, customer = _sides(event, page)
    mid = _mid(edit)
    text = edit.get("text")
    number = edit.get("num_edit", 1)
    if type(number) is str and number.isascii() and number.isdigit() and len(number) <= len(str(_MOST_EDITS)):
        number = int(number)
    if type(number) is not int or not 1 <= number <= _MOST_EDITS or not (text is None or type(text) is str):
        raise NotUnderstood("malformed_event")
    return Edit(mid, page, customer, number, text, sent_at(event.get("timestamp")))


def _unsend(event: Json, message: Json, page: PageId | None) -> Unsend:
    """Returns an unsend. Facebook documents unsends only for Instagram. The service also obeys them for Pages, for
    messages of the customer and of the Page.
    """
    if page is None and flag(message.get("is_echo")):
        page, _ = _page_and_customer(event, None, True)
    else:
        page, _ = _sides(event, page)
    return Unsend(_mid(message), page, sent_at(event.get("timestamp")))


def _notice(kind: NoticeKind, event: Json, page: PageId | None, value: Any) -> Notice:
    page, customer = _sides(event, page)
    conversation = None if customer is None else conversation_of(page, customer)
    return Notice(kind, page, conversation, sent_at(event.get("timestamp")), notices.facts(kind, value))


def _mid(part: Json) -> MessageId:
    mid = part.get("mid")
    if mid is None:
        raise NotUnderstood("no_mid")
    return MessageId(ident(mid, MID_LENGTH))


def _page_and_customer(event: Json, page: PageId | None, echo: bool) -> tuple[PageId, Psid]:
    """Returns the Page and the customer of a message. In an echo the Page is the sender. `page` is the Page that the
    entry names, or None.
    """
    sender, recipient = _id_of(event, "sender"), _id_of(event, "recipient")
    ours, theirs = (sender, recipient) if echo else (recipient, sender)
    if echo and page is not None and recipient == page:
        ours, theirs = recipient, sender  # old documents show an echo with the sides of a customer's message
    if page is None:
        if ours is None:
            raise NotUnderstood("no_page")
        page = PageId(ours)
    elif ours is not None and ours != page:
        raise NotUnderstood("page_mismatch")
    if theirs is None:
        missing: SkipReason = "no_recipient" if echo else "no_sender"
        raise NotUnderstood(missing)
    if theirs == page:
        raise NotUnderstood("page_mismatch")
    return page, Psid(theirs)


def _sides(event: Json, page: PageId | None) -> tuple[PageId, Psid | None]:
    """Returns the Page and the customer of an event that does not say which side wrote. The event may name only one
    side, or no side. If the entry names no Page, the recipient is the Page.
    """
    sender, recipient = _id_of(event, "sender"), _id_of(event, "recipient")
    if page is None:
        if recipient is None:
            raise NotUnderstood("no_page")
        page = PageId(recipient)
    if recipient is not None and page not in (sender, recipient):
        raise NotUnderstood("page_mismatch")
    theirs = recipient if sender == page else sender
    return page, None if theirs is None or theirs == page else Psid(theirs)


def _id_of(event: Json, side: str) -> str | None:
    person = event.get(side)
    if type(person) is dict:
        value = person.get("id")
        return None if value is None else ident(value, ID_LENGTH)
    if person is None:
        return None
    raise NotUnderstood("malformed_event")
