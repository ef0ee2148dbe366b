"""Pure: the events that a receiver keeps, and the events that change them: messages, echoes, postbacks, edits, unsends.

Shapes: developers.facebook.com/docs/messenger-platform/reference/webhook-events. Each maker takes a conversation, the
randomness and the time in milliseconds. The maker records in the conversation the message to which later events can
refer. If a maker needs an earlier message and there is none, it makes a plain text.
"""

import random
from collections.abc import Callable

from domain.ids import MessageId
from domain.message import Edit, Kind, Unsend
from simulator import attachments, texts
from simulator.customers import Conversation, Written, new_mid
from simulator.happening import Container, ExpectedMessage, Happening
from simulator.payloads import from_customer, from_page
from simulator.serialize import Document

Maker = Callable[[Conversation, random.Random, int], Happening]

_INBOX_APP = 263902037430900
"""The app id in echoes of what staff type in the Page's own inbox; a number, not a text."""


def _kept(chat: Conversation, mid: MessageId, at: int, text: str | None, kind: Kind = "message") -> ExpectedMessage:
    return ExpectedMessage(chat.page, mid, chat.psid, "in", kind, at, text)


def _said(kind: str, chat: Conversation, rng: random.Random, at: int, content: Document) -> Happening:
    """A message by the customer. A message with a text can later be edited, unsent and answered."""
    mid, text = new_mid(rng), content.get("text")
    if text is not None:
        chat.by_customer.append(Written(mid, text))
    part = from_customer(chat.page, chat.psid, at, message={"mid": mid, **content})
    return Happening(kind, chat.page, "messaging", part, _kept(chat, mid, at, text))


def _line(chat: Conversation, rng: random.Random) -> str:
    chat.turn += 1
    return texts.customer_line(rng, chat.turn - 1)


def text(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A plain text."""
    return _said("text", chat, rng, at, {"text": _line(chat, rng)})


def carrying(kind: str, draw: Callable[[random.Random], list[Document]], captioned: float = 0.0) -> Maker:
    """Returns a maker of messages with attachments. `captioned` is the share of messages that also have a text."""

    def attached(chat: Conversation, rng: random.Random, at: int) -> Happening:
        content: Document = {"attachments": draw(rng)}
        if rng.random() < captioned:
            content = {"text": _line(chat, rng), **content}
        return _said(kind, chat, rng, at, content)

    return attached


def reply(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A text that quotes an earlier text of the customer or the Page."""
    quoted = [*chat.by_page, *(written.mid for written in chat.by_customer)]
    if not quoted:
        return text(chat, rng, at)
    mid = rng.choice(quoted)
    to = {"mid": mid, "is_self_reply": mid not in chat.by_page}
    return _said("reply", chat, rng, at, {"text": _line(chat, rng), "reply_to": to})


def quick_reply(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A tapped suggestion: a message, not a postback."""
    title, payload = rng.choice((("ពណ៌ខៀវ", "COLOR_BLUE"), ("បញ្ជាទិញ", "ORDER"), ("Talk to a person", "HUMAN")))
    return _said("quick_reply", chat, rng, at, {"text": title, "quick_reply": {"payload": payload}})


def ad_referral(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """The first message after a tap on an advertisement."""
    context = {"ad_title": "បញ្ចុះតម្លៃ 30%", "photo_url": "https://cdn.example/ad.jpg", "post_id": "77"}
    referral = {
        "ref": "summer",
        "ad_id": str(rng.randrange(6_200_000_000_000, 6_300_000_000_000)),
        "source": "ADS",
        "type": "OPEN_THREAD",
        "ads_context_data": context,
    }
    return _said("ad_referral", chat, rng, at, {"text": _line(chat, rng), "referral": referral})


def product_question(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A question asked from a product's page."""
    referral = {"product": {"id": str(rng.randrange(1000, 9999))}}
    return _said("product_question", chat, rng, at, {"text": _line(chat, rng), "referral": referral})


def unsupported(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A message that Facebook's API cannot show. It has no text and no attachments."""
    return _said("unsupported", chat, rng, at, {"is_unsupported": True})


def postback(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A tapped button."""
    mid = new_mid(rng)
    content: Document = {"mid": mid, "title": "ចាប់ផ្តើម", "payload": "GET_STARTED"}
    if rng.random() < 0.3:
        content["referral"] = {"ref": "qr1", "source": "SHORTLINK", "type": "OPEN_THREAD"}
    part = from_customer(chat.page, chat.psid, at, postback=content)
    return Happening("postback", chat.page, "messaging", part, _kept(chat, mid, at, None, "postback"))


def _echoed(kind: str, chat: Conversation, rng: random.Random, at: int, content: Document) -> Happening:
    mid, container = new_mid(rng), _container(kind)
    # An echo has no app id if the sender was not an app. Most echoes come from the Page's inbox.
    sender: Document = {"app_id": _INBOX_APP} if rng.random() < 0.8 else {}
    chat.by_page.append(mid)
    part = from_page(chat.page, chat.psid, at, message={"mid": mid, "is_echo": True, **sender, **content})
    effect = ExpectedMessage(chat.page, mid, chat.psid, "out", "message", at, content.get("text"))
    return Happening(kind, chat.page, container, part, effect)


def _container(kind: str) -> Container:
    return "standby" if kind.startswith("standby") else "messaging"


def echo(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """The Page's answer."""
    return _echoed("echo", chat, rng, at, {"text": texts.shop_line(rng, max(chat.turn - 1, 0))})


def echo_photo(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """Photos the Page sent."""
    return _echoed("echo_photo", chat, rng, at, {"attachments": attachments.photos(rng)})


def echo_buttons(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """A button message the Page's bot sent."""
    return _echoed("echo_buttons", chat, rng, at, {"metadata": "bot", "attachments": attachments.buttons(rng)})


def standby(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """The copy of a text in a thread another app owns."""
    mid, said = new_mid(rng), _line(chat, rng)
    part = from_customer(chat.page, chat.psid, at, message={"mid": mid, "text": said})
    return Happening("standby", chat.page, "standby", part, _kept(chat, mid, at, said))


def standby_echo(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """The copy of the other app's answer."""
    return _echoed("standby_echo", chat, rng, at, {"text": texts.shop_line(rng, chat.turn)})


def standby_postback(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """The copy of a tapped button of the other app; its payload is hidden from our app."""
    mid = new_mid(rng)
    part = from_customer(chat.page, chat.psid, at, postback={"mid": mid, "title": "ចាប់ផ្តើម"})
    return Happening("standby_postback", chat.page, "standby", part, _kept(chat, mid, at, None, "postback"))


def _edited(kind: str, chat: Conversation, rng: random.Random, at: int, written: Written) -> Happening:
    written.text, written.edits = texts.corrected(written.text, rng), written.edits + 1
    number = str(written.edits) if rng.random() < 0.2 else written.edits  # Facebook writes both forms
    content = {"mid": written.mid, "text": written.text, "num_edit": number}
    part = from_customer(chat.page, chat.psid, at, message_edit=content)
    effect = Edit(written.mid, chat.page, chat.psid, written.edits, written.text, at)
    return Happening(kind, chat.page, "messaging", part, effect)


def edit(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """An earlier text changed."""
    choice = chat.editable()
    return _edited("edit", chat, rng, at, rng.choice(choice)) if choice else text(chat, rng, at)


def early_edit(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """An edit that arrives before its message."""
    overtaken = text(chat, rng, at - 1000)
    change = _edited("early_edit", chat, rng, at, chat.by_customer[-1])
    return Happening(change.kind, change.page, change.container, change.part, change.effect, overtaken)


def _taken_back(
    kind: str, chat: Conversation, at: int, mid: MessageId, flag: object, later: Happening | None
) -> Happening:
    part = from_customer(chat.page, chat.psid, at, message={"mid": mid, "is_deleted": flag})
    return Happening(kind, chat.page, "messaging", part, Unsend(mid, chat.page, at), later)


def unsend(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """An unsent text. In a few deliveries Facebook wrote the flag as a string."""
    if not chat.by_customer:
        return text(chat, rng, at)
    written = rng.choice(chat.by_customer)
    chat.by_customer.remove(written)
    return _taken_back("unsend", chat, at, written.mid, rng.choice((True, True, "true")), None)


def early_unsend(chat: Conversation, rng: random.Random, at: int) -> Happening:
    """An unsend that arrives before its message."""
    overtaken = text(chat, rng, at - 1000)
    return _taken_back("early_unsend", chat, at, chat.by_customer.pop().mid, True, overtaken)


MIX: dict[str, tuple[float, Maker]] = {
    "text": (30.0, text),
    "photo": (8.0, carrying("photo", attachments.photos, captioned=0.15)),
    "voice": (2.0, carrying("voice", attachments.voice)),
    "video": (0.8, carrying("video", attachments.video)),
    "file": (0.5, carrying("file", attachments.invoice)),
    "sticker": (4.0, carrying("sticker", attachments.sticker)),
    "link": (2.0, carrying("link", attachments.link, captioned=0.5)),
    "reel": (1.0, carrying("reel", attachments.reel)),
    "post": (0.6, carrying("post", attachments.post)),
    "product": (0.8, carrying("product", attachments.product)),
    "appointment": (0.5, carrying("appointment", attachments.appointment)),
    "location": (0.6, carrying("location", attachments.location)),
    "reply": (4.0, reply),
    "quick_reply": (3.0, quick_reply),
    "ad_referral": (1.5, ad_referral),
    "product_question": (0.8, product_question),
    "unsupported": (0.5, unsupported),
    "postback": (2.0, postback),
    "echo": (16.0, echo),
    "echo_photo": (1.0, echo_photo),
    "echo_buttons": (0.8, echo_buttons),
    "standby": (2.0, standby),
    "standby_echo": (0.8, standby_echo),
    "standby_postback": (0.5, standby_postback),
    "edit": (3.0, edit),
    "early_edit": (0.6, early_edit),
    "unsend": (0.5, unsend),
    "early_unsend": (0.5, early_unsend),
}
"""Kind to weight and maker."""
