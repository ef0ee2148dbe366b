"""Reads one element of `changes[]`, `calls[]` or `changed_fields[]`. The field `field` says the kind of a change. Only
Messenger events inside `changes[]` can be stored.

https://developers.facebook.com/docs/graph-api/webhooks/reference/page
"""

from typing import Any, Final

from domain.event import Notice, NoticeKind, Storable
from domain.ids import ConversationId, PageId, Psid, conversation_of
from domain.message import Fact
from webhook import messaging, notices
from webhook.values import NotUnderstood, sent_at

_FIELDS: Final[dict[str, NoticeKind]] = {
    "feed": "feed",
    "mention": "mention",
    "conversations": "conversations",
    "leadgen": "leadgen",
    "ratings": "ratings",
    "live_videos": "live_videos",
    "videos": "videos",
}
"""The fields that are counted by their own name. Every other field is counted as `other`. The value of a field may be
an object, a text or missing.
"""


def read(change: Any, page: PageId | None) -> Storable | Notice:
    """Returns a change of the Page. Raises NotUnderstood, or Inexact (values.py).

    The dashboard's Test button sends Messenger events under their field's name. So a value with a sender or a recipient
    is read as a Messenger event.
    """
    if type(change) is not dict or type(change.get("field")) is not str:
        raise NotUnderstood("malformed_event")
    field, value = change["field"], change.get("value")
    if field not in _FIELDS and type(value) is dict and ("sender" in value or "recipient" in value):
        return messaging.read(value, page, standby=field == "standby")
    kind, known = _FIELDS.get(field, "other"), _known(page)
    if type(value) is not dict:
        return Notice(kind, known)
    facts = notices.facts(kind, value)
    return Notice(kind, known, _conversation(known, facts), sent_at(value.get("created_time")), facts)


def read_call(call: Any, page: PageId | None) -> Notice:
    """Returns a notice that a call began, rang or ended. It has no facts."""
    if type(call) is not dict:
        raise NotUnderstood("malformed_event")
    return Notice("call", _known(page))


def read_changed_field(field: Any, page: PageId | None) -> Notice:
    """Returns a notice that a field changed. Facebook sends no value if "include values" is off in its dashboard."""
    if type(field) is not str:
        raise NotUnderstood("malformed_event")
    return Notice("values_missing", _known(page))


def _conversation(page: PageId, facts: Fact) -> ConversationId | None:
    """Returns the conversation with the author. A person has the same id in comments and in messages to the Page."""
    author = facts.get("from", {}).get("id", page)
    return None if author == page else conversation_of(page, Psid(author))


def _known(page: PageId | None) -> PageId:
    if page is None:
        raise NotUnderstood("no_page")
    return page
