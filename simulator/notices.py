"""Pure: the events of a conversation that are never kept: reactions, reads, deliveries, thread control, forms.

Shapes: developers.facebook.com/docs/messenger-platform/reference/webhook-events. The makers have the same arguments as
in `messages`.
"""

import random
from collections.abc import Callable

from simulator import texts
from simulator.customers import Conversation
from simulator.happening import Happening
from simulator.messages import Maker
from simulator.payloads import from_customer
from simulator.serialize import Document

Content = Callable[[Conversation, random.Random, int], Document]
"""Draws the key that names the event's kind, its value, and the keys beside it."""


def noticed(kind: str, content: Content) -> Maker:
    """Returns a maker of events by the customer that are not kept."""

    def notice(chat: Conversation, rng: random.Random, at: int) -> Happening:
        part = from_customer(chat.page, chat.psid, at, **content(chat, rng, at))
        return Happening(kind, chat.page, "messaging", part)

    return notice


def without_sender(kind: str, content: Content) -> Maker:
    """Returns a maker of events about the Page itself, without a person."""

    def notice(chat: Conversation, rng: random.Random, at: int) -> Happening:
        part = {"recipient": {"id": chat.page}, "timestamp": at, **content(chat, rng, at)}
        return Happening(kind, chat.page, "messaging", part)

    return notice


def _reaction(chat: Conversation, rng: random.Random, at: int) -> Document:
    known = [*chat.by_page, *(written.mid for written in chat.by_customer)]
    mid = rng.choice(known) if known else f"m_forgotten_{at}"
    if rng.random() < 0.15:
        return {"reaction": {"mid": mid, "action": "unreact"}}
    name, emoji = rng.choice((("love", "❤️"), ("like", "👍"), ("smile", "😆"), ("wow", "😮"), ("sad", "😢")))
    return {"reaction": {"mid": mid, "action": "react", "reaction": name, "emoji": emoji}}


def _read(_chat: Conversation, _rng: random.Random, at: int) -> Document:
    return {"read": {"watermark": at - 200}}


def _delivery(chat: Conversation, rng: random.Random, at: int) -> Document:
    receipt: Document = {"watermark": at - 200}
    if chat.by_page and rng.random() < 0.8:
        receipt = {"mids": [chat.by_page[-1]], **receipt}
    return {"delivery": receipt}


def _referral(_chat: Conversation, rng: random.Random, _at: int) -> Document:
    return {"referral": {"ref": f"poster-{rng.randrange(9)}", "source": "SHORTLINK", "type": "OPEN_THREAD"}}


def _optin(_chat: Conversation, rng: random.Random, _at: int) -> Document:
    token = f"{rng.getrandbits(64):016x}"
    asked = {"type": "one_time_notif_req", "payload": "restock", "one_time_notif_token": token}
    return {"optin": rng.choice(({"ref": "checkout-9"}, asked))}


def _account_linking(_chat: Conversation, rng: random.Random, _at: int) -> Document:
    linked = {"status": "linked", "authorization_code": f"{rng.getrandbits(32):08x}"}
    return {"account_linking": rng.choice((linked, {"status": "unlinked"}))}


def _thread_control(_chat: Conversation, rng: random.Random, _at: int) -> Document:
    passed: Document = {"previous_owner_app_id": "111", "new_owner_app_id": 222, "metadata": "to human"}
    taken: Document = {"previous_owner_app_id": None, "new_owner_app_id": "222", "metadata": ""}
    asked: Document = {"requested_owner_app_id": "333", "metadata": ""}
    choices: tuple[Document, ...] = (
        {"pass_thread_control": passed},
        {"take_thread_control": taken},
        {"request_thread_control": asked},
    )
    return rng.choice(choices)


def _app_roles(_chat: Conversation, _rng: random.Random, _at: int) -> Document:
    return {"app_roles": {"222": ["primary_receiver"]}}


def _policy_enforcement(_chat: Conversation, rng: random.Random, _at: int) -> Document:
    key = rng.choice(("policy_enforcement", "policy_enforcement", "policy-enforcement"))  # the last is the old spelling
    return {key: rng.choice(({"action": "warning", "reason": "spam"}, {"action": "unblock"}))}


def _customer_information(chat: Conversation, rng: random.Random, _at: int) -> Document:
    answers = [{"key": "name", "value": chat.name}, {"key": "phone", "value": texts.phone(rng)}]
    return {"messaging_customer_information": {"screens": [{"screen_id": "Add address", "responses": answers}]}}


def _feedback(chat: Conversation, rng: random.Random, _at: int) -> Document:
    if chat.by_page and rng.random() < 0.5:
        return {"response_feedback": {"feedback": "Good response", "mid": chat.by_page[-1]}}
    question = {"type": "csat", "payload": str(rng.randrange(1, 6))}
    return {"messaging_feedback": {"feedback_screens": [{"screen_id": 0, "questions": {"q1": question}}]}}


def _order(_chat: Conversation, rng: random.Random, _at: int) -> Document:
    product = {
        "id": rng.randrange(1000, 9999),
        "retailer_id": f"SKU-{rng.randrange(100)}",
        "name": texts.item(rng),
        "unit_price": rng.randrange(3, 90) + 0.5,
        "currency": "USD",
        "quantity": rng.randrange(1, 4),
    }
    return {"order": {"products": [product], "note": "ផ្ញើថ្ងៃស្អែក"}}


def _game_play(_chat: Conversation, rng: random.Random, _at: int) -> Document:
    return {"game_play": {"game_id": "1", "player_id": "2", "context_type": "SOLO", "score": rng.randrange(100)}}


MIX: dict[str, tuple[float, Maker]] = {
    "reaction": (3.0, noticed("reaction", _reaction)),
    "read": (6.0, noticed("read", _read)),
    "delivery": (6.0, noticed("delivery", _delivery)),
    "referral": (0.6, noticed("referral", _referral)),
    "optin": (0.5, noticed("optin", _optin)),
    "account_linking": (0.5, noticed("account_linking", _account_linking)),
    "thread_control": (0.8, noticed("thread_control", _thread_control)),
    "app_roles": (0.5, without_sender("app_roles", _app_roles)),
    "policy_enforcement": (0.5, without_sender("policy_enforcement", _policy_enforcement)),
    "customer_information": (0.5, noticed("customer_information", _customer_information)),
    "feedback": (0.5, noticed("feedback", _feedback)),
    "order": (0.5, noticed("order", _order)),
    "game_play": (0.5, noticed("game_play", _game_play)),
}
"""Kind to weight and maker."""
