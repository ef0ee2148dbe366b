"""Pure: events that cannot be understood. A receiver counts and skips each, and keeps the rest of its delivery.

Facebook has sent most of these. A careless change at Facebook could cause the others.
"""

import random

from domain.ids import PageId
from simulator.customers import Conversation, new_mid
from simulator.happening import Happening
from simulator.payloads import from_customer

_STRANGER = PageId("999000000000999")
"""A Page that is not simulated."""


def _part(why: str, chat: Conversation, rng: random.Random, at: int) -> object:
    message = {"mid": new_mid(rng), "text": "មិនត្រូវទុក"}
    match why:
        case "message_is_text":  # the form that is reported for `group_feed`
            return from_customer(chat.page, chat.psid, at, message="មិនត្រូវទុក")
        case "sender_missing":
            return {"recipient": {"id": chat.page}, "timestamp": at, "message": message}
        case "page_mismatch":
            return from_customer(_STRANGER, chat.psid, at, message=message)
        case "lone_surrogate":  # half of an emoji that a length limit has cut
            return from_customer(chat.page, chat.psid, at, message={**message, "text": "ok \ud83d"})
        case "unknown_key":
            return from_customer(chat.page, chat.psid, at, telepathy={"thought": "មិនត្រូវទុក"})
        case "mid_missing":
            return from_customer(chat.page, chat.psid, at, message={"text": "មិនត្រូវទុក"})
        case _:
            return "not an object"


REASONS = (
    "message_is_text",
    "sender_missing",
    "page_mismatch",
    "lone_surrogate",
    "unknown_key",
    "mid_missing",
    "not_an_object",
)


def broken(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """An event that is broken for a random reason. A receiver may skip an event with a lone surrogate, or keep it with
    the surrogate replaced.
    """
    why = rng.choice(REASONS)
    return Happening(f"broken_{why}", chat.page, "messaging", _part(why, chat, rng, at))
