"""The parts of a message beside its text, in the shape of the API. A part of the wrong type is left out."""

from typing import Any

from domain.message import Fact
from webhook.values import flag, plain

UNSUPPORTED = "unsupported"
"""The type of an attachment whose content Facebook does not give, or that the service cannot read."""

Json = dict[str, Any]


def attachments(message: Json) -> list[Fact] | None:
    """Returns every attachment, flat: `{"type", "url", "title", ...}`; None without attachments.

    An attachment that is not understood becomes `{"type": "unsupported"}`. A message that Facebook marks
    `is_unsupported` gets one too. So the shop sees that the customer sent something. A legacy `sticker_id` of the
    message itself is added to the first attachment.
    """
    raw = message.get("attachments")
    facts = [] if raw is None else [_attachment(item) for item in (raw if type(raw) is list else [raw])]
    if flag(message.get("is_unsupported")) and not facts:
        facts = [{"type": UNSUPPORTED}]
    sticker = plain({"sticker_id": message.get("sticker_id")}).get("sticker_id")
    if type(sticker) is str:
        facts = facts or [{"type": "sticker"}]
        facts[0].setdefault("sticker_id", sticker)
    return facts or None


def _attachment(item: Any) -> Fact:
    """Returns one attachment, with the members of its payload beside its type.

    Older forms have url and title beside the type, and `payload` null or missing. Members of the payload replace them.
    A product's `elements` move up beside the type. A payload that is not an object stays under `payload`.
    """
    if type(item) is not dict:
        return {"type": UNSUPPORTED}
    beside = plain(item)
    kind, payload = beside.pop("type", None), beside.pop("payload", None)
    if type(payload) is not dict:
        payload = {} if payload is None else {"payload": payload}
    product = payload.get("product")
    if type(product) is dict and type(product.get("elements")) is list:
        payload = payload | payload.pop("product")
    fact: Fact = {"type": UNSUPPORTED, **beside, **payload}
    fact["type"] = kind if type(kind) is str and kind else UNSUPPORTED
    for key in ("url", "title"):
        if type(fact.get(key, "")) is not str:
            del fact[key]
    return fact


def echo(message: Json) -> tuple[str | None, str | None]:
    """Returns `app_id` and `metadata` of an echo; None for a value that is absent or not a text. Staff's own replies
    may have neither.

    https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/message-echoes
    """
    fact = plain({"app_id": message.get("app_id"), "metadata": message.get("metadata")})
    app_id, metadata = fact.get("app_id"), fact.get("metadata")
    return app_id if type(app_id) is str else None, metadata if type(metadata) is str else None


def known(raw: Any) -> Fact | None:
    """Returns an object in our form (a quick reply's `{"payload"}`, a referral), or None for anything else."""
    fact: Fact = plain(raw) if type(raw) is dict else {}
    return fact or None


def reply(raw: Any) -> Fact | None:
    """Returns the message that is answered: `{"id": <mid>, "is_self_reply": <bool>}`, both as Facebook sent them.

    The service may not have this message. Instagram's older `{"story": {"url", "id"}}` stays as it is.
    """
    fact = known(raw)
    if fact is not None and type(fact.get("mid")) is str:
        return {"id": fact.pop("mid")} | fact
    return fact
