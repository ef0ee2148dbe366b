"""Pure: makes the answers, in the shapes of api/models.py.

A stored message is JSON in bytes, and more members are added to these bytes. Parsing would take longer than reading.
`content` is written by orjson and has at least one member, so it begins with `{"` and ends with `}`. All other answers
are made with the models.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from pydantic import MISSING, BaseModel

from api.models import (
    AuditEntryModel,
    BlockedModel,
    ErasedModel,
    HealingModel,
    LiveModel,
    MarkedModel,
    MissingFieldModel,
    PageModel,
    PurgeEventModel,
    ReceiptModel,
    ShopModel,
    StaffMarkModel,
    UnhealedModel,
    WarningModel,
)
from domain.audit import Entry
from domain.event import Notice
from domain.heal import Heal, Unhealed
from domain.ids import ConversationId
from domain.kept import KeptConversation, KeptMessage, StaffMark
from domain.message import Unsend
from domain.moment import rfc3339, rfc3339_of_both
from domain.purge import Receipt
from domain.shop import Page, PageState, Shop
from domain.stream import PurgeEvent, StreamEvent


def shop_answer(shop: Shop) -> ShopModel:
    """Returns a shop with its Pages."""
    pages = [page_answer(page) for page in shop.pages]
    return ShopModel(shop=shop.id, **pause_members(shop), pages=pages)


def pause_members(paused: Shop | Page) -> dict[str, Any]:
    """Returns whether storing is paused, and the end of the pause if it has one."""
    members: dict[str, Any] = {"paused": paused.paused}
    if paused.paused_until is not None:
        members["until"] = rfc3339(paused.paused_until)
    return members


def page_answer(page: Page) -> PageModel:
    """Returns a Page as an item of a list."""
    return PageModel(**_page(page))


def one_page_answer(page: Page, heal: Heal | None) -> PageModel:
    """Returns a single Page, with the progress of fetching missed messages."""
    return PageModel(**_page(page), **_healing(page, heal))


def receipt_answer(receipt: Receipt) -> ReceiptModel:
    """Returns a purge's receipt. `Receipt.content` is its signed part."""
    members: dict[str, Any] = {**receipt.content(), "signature": _known(receipt.signature)}
    return ReceiptModel(**members)


def message_json(message: KeptMessage, phone_numbers: Sequence[str] = ()) -> bytes:
    """Returns a `MessageModel` as JSON."""
    received, expires = rfc3339_of_both(message.received_at, message.expires_at)
    last = f',"received_at":"{received}","expires_at":"{expires}"'.encode()
    if phone_numbers:
        return b'%b%b,"phone_numbers":%b}' % (message.content[:-1], last, orjson.dumps(phone_numbers))
    return b"%b%b}" % (message.content[:-1], last)


def conversation_json(conversation: KeptConversation, phone_numbers: Sequence[str] = ()) -> bytes:
    """Returns a `ConversationModel` as JSON. The telephone numbers are those in its last message."""
    head: dict[str, Any] = {
        "id": conversation.id,
        "page_id": conversation.page,
        "customer_id": conversation.customer,
        "message_count": conversation.message_count,
        "last_activity_at": rfc3339(conversation.last_activity_at),
    }
    if conversation.mark is not None:
        head["mark"] = _mark(conversation.mark)
    head["last_message"] = orjson.Fragment(message_json(conversation.last_message, phone_numbers))
    return orjson.dumps(head)


def event_json(event: StreamEvent, phone_numbers: Sequence[str] = ()) -> bytes:
    """Returns the `data` of a stored or live event. The telephone numbers are those in its message."""
    match event.content:
        case KeptMessage() as message:
            return message_json(message, phone_numbers)
        case Unsend() as unsend:
            return json_of(ErasedModel(id=unsend.id, page_id=unsend.page))
        case PurgeEvent() as purge:
            return json_of(PurgeEventModel(purge_id=purge.id, what=purge.what))
        case StaffMark() as mark:
            return json_of(marked_answer(mark))
        case Notice() as notice:
            return json_of(_live(notice))


def audit_entry_answer(entry: Entry) -> AuditEntryModel:
    """Returns an entry of the audit log."""
    access = entry.access
    return AuditEntryModel(
        at=rfc3339(entry.at),
        since=MISSING if entry.since == entry.at else rfc3339(entry.since),
        sub=access.subject,
        action=access.action,
        page=_known(access.page),
        client=access.client,
        times=entry.times,
    )


def json_of(answer: BaseModel) -> bytes:
    """Returns a model as JSON. Absent facts are left out."""
    return answer.model_dump_json().encode()


def blocked_answer(conversation: ConversationId, since: int | None, purge: Receipt | None = None) -> BlockedModel:
    """Returns whether a conversation is blocked, the time of the block, and the purge that was made with it."""
    return BlockedModel(
        conversation_id=conversation,
        blocked=since is not None,
        since=_time(since),
        purge=MISSING if purge is None else receipt_answer(purge),
    )


def marked_answer(mark: StaffMark) -> MarkedModel:
    """Returns a conversation's mark."""
    shown = StaffMarkModel.model_validate(_mark(mark))
    return MarkedModel(conversation_id=mark.conversation, page_id=mark.page, mark=shown)


def _mark(mark: StaffMark) -> dict[str, Any]:
    return {
        "done": mark.done,
        "unread": mark.unread,
        "labels": list(mark.labels),
        "marked_at": rfc3339(mark.marked_at),
    }


def _live(notice: Notice) -> LiveModel:
    members = {
        "kind": notice.kind,
        "page_id": notice.page,
        "conversation_id": _known(notice.conversation),
        "sent_at": _time(notice.sent_at),
    }
    return LiveModel(**notice.facts | members)


def _page(page: Page) -> dict[str, Any]:
    members = {
        "page_id": page.id,
        "connected_at": rfc3339(page.connected_at),
        "status": page.status,
        **pause_members(page),
        "last_event_at": _time(page.last_event_at),
    }
    return members if page.state is None else members | _state(page.state)


def _healing(page: Page, heal: Heal | None) -> dict[str, Any]:
    """Returns the progress of fetching messages that no webhook brought."""
    since = None if page.state is None else page.state.heal_since
    members: dict[str, Any] = {}
    if since is not None and (heal is None or heal.status != "running"):
        members["healing"] = HealingModel.model_validate({"status": "waiting", "since": rfc3339(since)})
    elif heal is not None:
        members["healing"] = HealingModel(
            status=heal.status,
            since=rfc3339(heal.since),
            began_at=rfc3339(heal.began_at),
            ended_at=_time(heal.ended_at),
            conversations=heal.conversations,
            messages=heal.messages,
            stored=heal.stored,
            reason=heal.reason or MISSING,
        )
    if heal is not None and heal.unhealed:
        members["unhealed"] = [_unhealed(one) for one in heal.unhealed]
    return members


def _unhealed(one: Unhealed) -> UnhealedModel:
    return UnhealedModel(
        conversation=one.conversation or MISSING,
        reason=one.reason,
        since=rfc3339(one.since),
        tries=one.tries,
        next_try_at=rfc3339(one.next_try_at),
        given_up_at=rfc3339(one.until),
    )


def _state(state: PageState) -> dict[str, Any]:
    """Returns the known facts about a Page's token."""
    refused = state.missing_fields if state.token_alive else {}
    missing = [MissingFieldModel(field=name, permission=wanted or MISSING) for name, wanted in refused.items()]
    return {
        "token_alive": state.token_alive,
        "token_reason": _known(state.reason),
        "subscribed": bool(state.subscribed_fields),
        "subscribed_fields": list(state.subscribed_fields),
        "missing_permissions": list(state.missing_permissions),
        "checked_at": rfc3339(state.checked_at),
        "missing_fields": missing or MISSING,
        "token_expires_at": _time(state.expires_at),
        "warnings": list(_warnings(state)) or MISSING,
        "healing_since": _time(state.heal_since),
    }


def _warnings(state: PageState) -> Iterator[WarningModel]:
    """Yields warnings about a Page that still works. Each warning says what the shop must do."""
    if state.expires_soon and state.expires_at is not None:
        yield WarningModel(reason="token_expires_soon", detail=_expires_soon(state.expires_at))
    if state.missing_fields and state.token_alive:
        yield WarningModel(reason="fields_refused", detail=_fields_refused(state.missing_fields))


def _fields_refused(fields: Mapping[str, str]) -> str:
    """Returns what Facebook does not deliver, and which permissions to grant."""
    permissions = sorted({permission for permission in fields.values() if permission})
    grant = f" Grant {', '.join(permissions)}, then connect the Page with the new token." if permissions else ""
    return f"Facebook refuses to deliver the webhook fields {', '.join(fields)}.{grant}"


def _expires_soon(expires_at: int) -> str:
    """Returns what the shop must do about a token that ends soon.

    A Page token from a person's long-lived token has no end. A Page token from a short-lived token is valid for hours
    (developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived).
    """
    return (
        f"The Page's token ends at {rfc3339(expires_at)}. Connect the Page again before that: exchange the person's "
        "token for a long-lived one first, then take the Page's token from /me/accounts; that token has no end."
    )


def _time(moment: int | None) -> Any:
    """Returns a time of an answer, from milliseconds; MISSING if it is not known."""
    return MISSING if moment is None else rfc3339(moment)


def _known(fact: str | None) -> Any:
    """Returns a fact of an answer; MISSING if it is not known."""
    return MISSING if fact is None else fact
