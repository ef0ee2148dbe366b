"""Pure: a Page with the content of a small Cambodian shop, and the world of `page-inbox run`, which has one such Page.
The same randomness and time make the same content.
"""

import random
from collections.abc import Callable, Sequence

from domain.ids import PageId, Psid
from domain.secret import Secret
from simulator import graph_documents as documents
from simulator import texts
from simulator.graph_nodes import FakePage, Node
from simulator.graph_world import World
from simulator.serialize import Document

_HOUR = 3_600_000
_MINUTE = 60_000
_REPLIES = 0.3
"""The share of comments that are replies to another comment."""


def demo_world(
    page: PageId,
    app_id: str,
    app_secrets: Sequence[Secret],
    token: Secret,
    *,
    rng: random.Random,
    now: Callable[[], int],
) -> World:
    """A world with one Page, read with `token`: posts with photos, videos, threaded comments, conversations.

    `now` in Unix milliseconds; everything happened before it.
    """
    world = World(app_id, app_secrets, rng, now)
    shop = world.add_page(page, token=token)
    made_up(world, shop, posts=12, comments=9, videos=2, conversations=6)
    return world


def made_up(
    world: World,
    page: FakePage,
    *,
    posts: int = 0,
    comments: int = 0,
    videos: int = 0,
    conversations: int = 0,
    messages: int = 8,
) -> None:
    """Fill a Page with posts, `comments` on each post, videos, and conversations with messages.

    All times are before now. The newest is within the last hour.
    """
    rng, now = world.rng, world.now()
    for position in reversed(range(videos)):
        at = now - (position * 30 + 2) * _HOUR
        world.add_video(page, texts.item(rng), description=texts.shop_line(rng, 0), at=at, length=rng.uniform(8, 90))
    for position in reversed(range(posts)):
        at = now - (position * 7 + 1) * _HOUR
        post = _post(world, page, position, at)
        discuss(world, post, comments, since=at, until=now)
    for position in reversed(range(conversations)):
        talk(world, page, messages, until=now - position * 40 * _MINUTE)


def discuss(world: World, post: Node, count: int, *, since: int, until: int) -> list[Node]:
    """Add `number` comments to a post, evenly between two times. Some comments are replies, and some are by the
    shop."""
    rng = world.rng
    made: list[Node] = []
    shop = world.pages[post.page]
    people = [(_psid(rng), name) for name in texts.NAMES]
    for position in range(count):
        at = since + (until - since) * (position + 1) // (count + 1)
        parent = rng.choice(made) if made and rng.random() < _REPLIES else None
        if parent is not None and parent.above is not post:
            parent = parent.above  # Facebook's own apps show one level of replies
        if parent is not None and rng.random() < 0.5:
            by: Document = {"id": shop.id, "name": shop.name}
            text = texts.shop_line(rng, 0)
        else:
            psid, name = rng.choice(people)
            by, text = {"id": psid, "name": name}, texts.comment(rng)
        made.append(world.add_comment(post, text, parent, at=at, by=by))
    return made


def talk(world: World, page: FakePage, count: int, *, until: int) -> Psid:
    """A conversation with a new customer, the last message at `until`; some messages have a photo."""
    rng, psid, name = world.rng, Psid(_psid(world.rng)), world.rng.choice(texts.NAMES)
    for position in range(count):
        at = until - (count - 1 - position) * 3 * _MINUTE
        if position % 2:
            world.say(page, psid, texts.shop_line(rng, position // 2), at=at, from_page=True)
        elif rng.random() < 0.15:
            photo = documents.image(_picture(rng), str(rng.randrange(10**15, 10**16)))
            world.say(page, psid, None, at=at, attachments=[photo], name=name)
        else:
            world.say(page, psid, texts.customer_line(rng, position // 2), at=at, name=name)
    return psid


def _post(world: World, page: FakePage, position: int, at: int) -> Node:
    """Add one post. In turns it has a photo with text, an album, a photo only, or text only."""
    rng, kind = world.rng, position % 4
    words = None if kind == 2 else f"{texts.item(rng)} {texts.price(rng)}\n{texts.shop_line(rng, 1)}"
    title = texts.item(rng)
    photos = [documents.photo(_picture(rng), title, str(rng.randrange(10**15, 10**16))) for _ in range(3)]
    attachments = {0: [photos[0]], 1: [documents.album(photos, title)], 2: [photos[0]], 3: list[Document]()}[kind]
    more: Document = {}
    if attachments:
        more["full_picture"] = attachments[0]["media"]["image"]["src"]
    if rng.random() < 0.4:
        more["shares"] = {"count": rng.randrange(1, 30)}
    return world.add_post(page, words, at=at, attachments=attachments, reactions=rng.randrange(0, 69), **more)


def _psid(rng: random.Random) -> str:
    return str(rng.randrange(7_000_000_000_000_000, 8_000_000_000_000_000))


def _picture(rng: random.Random) -> str:
    return (
        f"https://cdn.example/v/t39.30808-6/{rng.getrandbits(60)}_n.jpg"
        f"?_nc_cat={rng.randrange(100, 112)}&ccb=1-7&oh=00_{rng.getrandbits(128):032x}&oe={rng.getrandbits(32):08X}"
    )
