"""Pure: the fields of each object as Graph writes them. A list is here without its `data` wrapper, and an absent value
is None.

Shapes: developers.facebook.com/docs/graph-api/reference, the pages named in `graph_types`.
"""

import random
from collections.abc import Sequence

from domain.ids import Psid
from simulator.graph_nodes import FakePage, Node, graph_time
from simulator.serialize import Document

_SNIPPET = 100
"""Characters of a conversation's last message that its `snippet` shows."""


def post(page: FakePage, message: str | None, moment: int, number: int, attachments: Sequence[Document]) -> Document:
    """A post. A post with photos only has no message."""
    return {
        "message": message,
        "created_time": graph_time(moment),
        "updated_time": graph_time(moment),
        "permalink_url": f"https://www.facebook.com/{page.id}/posts/{number}",
        "status_type": "added_photos" if attachments else "mobile_status_update",
        "reactions": 0,
        "attachments": list(attachments),
    }


def photo(url: str, title: str, target: str) -> Document:
    """An attachment of a post: one photo."""
    return {
        "media_type": "photo",
        "type": "photo",
        "title": title,
        "url": f"https://www.facebook.com/photo/?fbid={target}",
        "target": {"id": target, "url": f"https://www.facebook.com/photo/?fbid={target}"},
        "media": {"image": {"height": 960, "src": url, "width": 720}},
    }


def album(photos: Sequence[Document], title: str) -> Document:
    """An attachment of a post: several photos, the first of them on top."""
    return {
        **photos[0],
        "media_type": "album",
        "type": "album",
        "title": title,
        # This edge is inside a list, so the `data` wrapper is written here.
        "subattachments": {"data": [{key: value for key, value in one.items() if key != "title"} for one in photos]},
    }


def video(
    page: FakePage, identity: str, title: str, description: str | None, moment: int, length: float, rng: random.Random
) -> Document:
    """A video; `length` in seconds, its `permalink_url` without a host."""
    return {
        "title": title,
        "description": description,
        "created_time": graph_time(moment),
        "updated_time": graph_time(moment),
        "length": length,
        "permalink_url": f"/{page.id}/videos/{identity}/",
        "picture": f"https://cdn.example/v/{identity}.jpg",
        "source": f"https://cdn.example/v/{identity}.mp4?oe={rng.getrandbits(32):08X}",
    }


def live_video(
    page: FakePage, identity: str, title: str, status: str, moment: int, recording: str, rng: random.Random
) -> Document:
    """A live video. With its `stream_url`, anyone can send video in the Page's name."""
    return {
        "title": title,
        "status": status,
        "creation_time": graph_time(moment),
        "broadcast_start_time": graph_time(moment),
        "live_views": rng.randrange(3, 400) if status == "LIVE" else 0,
        "permalink_url": f"/{page.id}/videos/{recording}/",
        "embed_html": f'<iframe src="https://www.facebook.com/plugins/video.php?href={recording}"></iframe>',
        "stream_url": f"rtmp://live-api.facebook.com:80/rtmp/{identity}?s_ps=1&a={rng.getrandbits(64):x}",
        "secure_stream_url": f"rtmps://live-api.facebook.com:443/rtmp/{identity}?a={rng.getrandbits(64):x}",
        "video": {"id": recording},
    }


def video_in_a_post(shown: Document, identity: str) -> Document:
    """The attachment of the post that shows a video."""
    url = f"https://www.facebook.com{shown['permalink_url']}"
    return {
        "media_type": "video",
        "type": "video_inline",
        "title": shown["title"],
        "url": url,
        "target": {"id": identity, "url": url},
        "media": {"image": {"height": 720, "src": shown["picture"], "width": 405}, "source": shown["source"]},
    }


def comment(on: Node, text: str | None, parent: Node | None, moment: int, number: int, by: Document | None) -> Document:
    """A comment or a reply. A comment with only a sticker or a photo has an empty text."""
    document: Document = {
        "message": text or "",
        "created_time": graph_time(moment),
        "from": by,
        "comment_count": 0,
        "like_count": 0,
        "is_hidden": False,
        "is_private": False,
        "permalink_url": f"https://www.facebook.com/{on.id}?comment_id={number}",
    }
    if parent is not None:
        document["parent"] = {key: parent.document[key] for key in ("id", "message", "created_time")}
    return document


def person(psid: Psid, name: str, rng: random.Random) -> Document:
    """The profile of a person who wrote to the Page."""
    picture = f"https://cdn.example/p/{psid}.jpg?oe={rng.getrandbits(32):08X}"
    return {"name": name, "first_name": name, "profile_pic": picture}


def conversation(page: FakePage, psid: Psid, name: str, number: int) -> Document:
    """A conversation without messages."""
    sides: list[Document] = [
        # This looks like an e-mail address, but is not (messenger-platform/conversations).
        {"name": name, "email": f"{psid}@facebook.com", "id": psid},
        {"name": page.name, "email": f"{page.id}@facebook.com", "id": page.id},
    ]
    return {
        "link": f"/{page.id}/inbox/{number}/",
        "unread_count": 0,
        "can_reply": True,
        "participants": sides,
    }


def message(within: Node, text: str | None, moment: int, from_page: bool, attachments: Sequence[Document]) -> Document:
    """A message from the Page or the customer. Without a text, `message` is empty."""
    customer, shop = within.document["participants"]
    sender, receiver = (shop, customer) if from_page else (customer, shop)
    return {
        "created_time": graph_time(moment),
        "message": text or "",
        "from": sender,
        "to": [receiver],
        "attachments": list(attachments),
    }


def image(url: str, identity: str) -> Document:
    """An attachment of a message: a photo."""
    data = {"width": 720, "height": 960, "max_width": 720, "max_height": 960, "url": url, "preview_url": url}
    return {
        "id": identity,
        "mime_type": "image/jpeg",
        "name": f"image-{identity}",
        "size": 81_920,
        "image_data": {**data, "image_type": 1, "render_as_sticker": False},
    }


def stirred(within: Node) -> Document:
    """The fields of a conversation that a new message changes."""
    messages = within.edges["messages"]
    last = messages[-1].document
    by_customer = last["from"]["id"] != within.page
    return {
        "updated_time": last["created_time"],
        "message_count": len(messages),
        "snippet": last["message"][:_SNIPPET],
        "unread_count": within.document["unread_count"] + 1 if by_customer else 0,
    }
