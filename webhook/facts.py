"""Reads the parts of a message other than its text, in the shape of the API. A part of the wrong type is left out."""

from typing import Any

from domain.message import Fact
from webhook.values import flag, plain

UNSUPPORTED = "unsupported"
"""The type of an attachment whose content Facebook does not give, or that the service cannot read."""

Json = dict[str, Any]


def attachments(message: Json) -> list[Fact] | None:
    """Returns each attachment as one flat object, `{"type", "url", "title", ...}`; None without attachments.

    An attachment that is not understood becomes `{"type": "unsupported"}`. If Facebook marks a message without
    attachments `is_unsupported`, the message gets such an attachment too. So the shop sees that the customer sent
    something. A legacy `sticker_id` of the message itself is added to the first attachment.
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

    In older forms, `url` and `title` are beside the type, and `payload` is null or missing. If a member is beside the
    type and in the payload, the member of the payload is used. The `elements` of a product are put beside the type too.
    A payload that is not an object stays under `payload`.
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
    """Returns `app_id` and `metadata` of an echo; None for a value that is absent or not a text. A reply that staff
    wrote may have none of the two.

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
    """Returns which message this message answers: `{"id": <mid>, "is_self_reply": <bool>}`, with Facebook's values.

    The answered message may not be stored. Instagram's older `{"story": {"url", "id"}}` does not change.
    """
    fact = known(raw)
    if fact is not None and type(fact.get("mid")) is str:
        return {"id": fact.pop("mid")} | fact
    return fact
