"""The examples in `/openapi.json` use the ids of the demo shop, so that a reader can try them."""

import random

from api import examples
from app import demo
from domain.secret import Secret
from simulator.graph_made_up import demo_world


def test_the_ids_of_the_examples_exist_in_the_demo_shop() -> None:
    """Page, customer, post, comment and conversation at Facebook are the same in every run."""
    assert examples.PAGE == demo.PAGE
    rng = random.Random(demo.PAGE)
    world = demo_world(demo.PAGE, "1", [Secret("s" * 32)], Secret("t"), rng=rng, now=lambda: 1_796_000_000_000)
    assert examples.PSID in {chat.psid for chat in demo.crowd()}
    for chat in demo.crowd():
        world.meet(world.pages[demo.PAGE], chat.psid, chat.name, 1_796_000_000_000)
    assert {examples.POST, examples.COMMENT, examples.FACEBOOK_CONVERSATION} <= set(world.objects)
