"""Pure: what a message carries besides text, as developers.facebook.com/docs/messenger-platform writes it."""

import random

from simulator import texts
from simulator.serialize import Document

THUMBS_UP = 369239263222822
MEDIA = "https://cdn.example"
"""The address that stands for Facebook's content network."""


def _media_url(rng: random.Random, ending: str) -> str:
    # The address is as long as a signed link of Facebook's content network. A stored photo consists mostly of its link.
    return (
        f"{MEDIA}/v/t1.15752-9/{rng.getrandbits(64)}_{rng.getrandbits(60)}_n.{ending}"
        f"?_nc_cat={rng.randrange(100, 112)}&ccb=1-7&oh=03_{rng.getrandbits(128):032x}&oe={rng.getrandbits(32):08X}"
    )


def _file(kind: str, url: str) -> Document:
    return {"type": kind, "payload": {"url": url}}


def photos(rng: random.Random) -> list[Document]:
    """One to three photos sent at once."""
    return [_file("image", _media_url(rng, "jpg")) for _ in range(rng.choice((1, 1, 1, 2, 3)))]


def voice(rng: random.Random) -> list[Document]:
    """A voice message."""
    return [_file("audio", _media_url(rng, "mp4"))]


def video(rng: random.Random) -> list[Document]:
    """A video that the customer made."""
    return [_file("video", _media_url(rng, "mp4"))]


def invoice(rng: random.Random) -> list[Document]:
    """A file with a Khmer name."""
    return [_file("file", f"{MEDIA}/{rng.getrandbits(60)}/វិក្កយបត្រ.pdf?dl=1")]


def sticker(rng: random.Random) -> list[Document]:
    """A sticker, in most cases the thumb."""
    number = THUMBS_UP if rng.random() < 0.7 else rng.randrange(10**14, 10**15)
    return [{"type": "sticker", "payload": {"url": _media_url(rng, "png"), "sticker_id": number}}]


def link(rng: random.Random) -> list[Document]:
    """A shared link. A few have the older form, without a payload."""
    url, title = f"https://shop.example/p/{rng.randrange(1, 900)}", texts.item(rng)
    if rng.random() < 0.2:
        return [{"type": "fallback", "title": title, "url": url, "payload": None}]
    return [{"type": "fallback", "payload": {"url": url, "title": title}}]


def reel(rng: random.Random) -> list[Document]:
    """A shared reel."""
    number = rng.randrange(10**15, 10**16)
    url = f"https://www.facebook.com/reel/{number}"
    return [{"type": "reel", "payload": {"url": url, "title": texts.item(rng), "reel_video_id": number}}]


def post(rng: random.Random) -> list[Document]:
    """A shared post."""
    number = rng.randrange(10**15, 10**16)
    url = f"https://www.facebook.com/shop.example/posts/{number}"
    return [{"type": "post", "payload": {"url": url, "title": texts.item(rng), "id": number}}]


def product(rng: random.Random) -> list[Document]:
    """A product of the shop's catalogue."""
    element = {
        "id": str(rng.randrange(1000, 9999)),
        "retailer_id": f"SKU-{rng.randrange(100)}",
        "image_url": _media_url(rng, "jpg"),
        "title": texts.item(rng),
        "subtitle": texts.price(rng),
    }
    return [{"type": "template", "payload": {"product": {"elements": [element]}}}]


def appointment(rng: random.Random) -> list[Document]:
    """A booking; its times are in seconds."""
    start = 1_770_000_000 + 3600 * rng.randrange(1, 200)
    payload = {
        "booking_id": f"bk_{rng.randrange(1000)}",
        "status": rng.choice(("requested", "confirmed", "declined", "cancelled")),
        "start_time": start,
        "end_time": start + 3600,
        "timezone": "Asia/Phnom_Penh",
    }
    return [{"type": "appointment_booking", "payload": payload}]


def location(rng: random.Random) -> list[Document]:
    """A place in Phnom Penh, in the legacy form."""
    coordinates = {"lat": round(11.5 + rng.random() / 10, 6), "long": round(104.85 + rng.random() / 10, 6)}
    return [{"type": "location", "payload": {"coordinates": coordinates}}]


def buttons(rng: random.Random) -> list[Document]:
    """The attachment in the echo of a Page's button message."""
    button = {"type": "postback", "title": "បញ្ជាទិញ", "payload": f"ORDER_{rng.randrange(1000)}"}
    payload = {"template_type": "button", "text": texts.item(rng), "buttons": [button]}
    return [{"type": "template", "title": "", "url": None, "payload": payload}]
