"""Pure: the world of `page-inbox run`: one shop with many posts, comments and messages."""

import random
from collections.abc import Callable, Sequence
from typing import Final

from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_made_up import made_up
from simulator.graph_world import World

POSTS: Final = 12
COMMENTS: Final = 9
"""The number of comments on each post, replies included."""
VIDEOS: Final = 2
CONVERSATIONS: Final = 6


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
    made_up(world, shop, posts=POSTS, comments=COMMENTS, videos=VIDEOS, conversations=CONVERSATIONS)
    return world
