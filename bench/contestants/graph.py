"""Runs the simulated Graph in a separate process. The service and its reference both call it.

It listens on PORT and checks proofs with FACEBOOK_APP_SECRET. PAGES has the ids of its Pages. If STALLED is set, it is
the id of a Page whose posts are answered only after STALL_SECONDS.
"""

import base64
import hashlib
import os
import random
import time
from typing import Final

from bench.contestants.serving import serve
from domain.ids import PageId
from domain.secret import Secret
from simulator.graph import graph_app
from simulator.graph_faults import Faults, Stalls
from simulator.graph_made_up import discuss, made_up
from simulator.graph_world import World

APP_ID: Final = "200000000000001"
POSTS: Final = 60
COMMENTS: Final = 120
"""The number of comments on the newest post of each Page. About thirty are replies."""


def token_of(page: PageId) -> Secret:
    """Returns the token of a Page: random letters and digits, as long as Facebook's tokens."""
    digest = hashlib.sha512(page.encode()).digest()
    return Secret("EAA" + base64.b64encode(2 * digest, altchars=b"AB").decode().rstrip("="))


def filled(app_secret: Secret, pages: list[PageId]) -> World:
    """Returns a world with these Pages, all of the same size."""
    rng, now = random.Random(1), time.time_ns() // 1_000_000
    world = World(APP_ID, [app_secret], rng, lambda: time.time_ns() // 1_000_000)
    for page in pages:
        shop = world.add_page(page, token=token_of(page))
        made_up(world, shop, posts=POSTS)
        newest = shop.node.edges["published_posts"][-1]
        discuss(world, newest, COMMENTS, since=newest.rank[0], until=now)
    return world


def main() -> None:
    """Serve until SIGTERM."""
    pages = [PageId(page) for page in os.environ["PAGES"].split(",")]
    faults = Faults()
    if stalled := os.environ.get("STALLED"):
        seconds = float(os.environ["STALL_SECONDS"])
        faults.script(f"/{stalled}/published_posts", Stalls(seconds), times=None)
    serve(graph_app(filled(Secret(os.environ["FACEBOOK_APP_SECRET"]), pages), faults))


if __name__ == "__main__":
    main()
