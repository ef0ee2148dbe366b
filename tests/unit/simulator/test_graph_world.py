"""The data of the simulated Graph: objects are added and refer to each other."""

import random

import pytest

from domain.ids import PageId, Psid
from domain.secret import Secret
from simulator.graph_nodes import FakePage, graph_time
from simulator.graph_world import World
from tests.support import FakeClock

PAGE = PageId("104200000000001")
DARA, BOPHA = Psid("7000000000000001"), Psid("7000000000000002")
NOW = 1_770_000_000_000


@pytest.fixture
def page() -> FakePage:
    """Returns a Page of a new world."""
    return world_of().add_page(PAGE)


def world_of() -> World:
    """Returns an empty world."""
    return World("2001", [Secret("shop-app-secret-1")], random.Random(1), FakeClock(NOW).moment)


def test_times_have_the_format_of_graph() -> None:
    """Times have whole seconds, and the zone has no colon."""
    assert graph_time(1_770_000_070_999) == "2026-02-02T02:41:10+0000"


def test_a_conversation_follows_its_newest_message() -> None:
    """An old message that arrives late changes nothing."""
    world = world_of()
    page = world.add_page(PAGE)
    world.say(page, DARA, "hello", at=NOW)
    world.say(page, BOPHA, "hi", at=NOW + 1000)
    world.say(page, DARA, "older", at=NOW - 1000)
    dara, bophas = page.conversations[DARA], page.conversations[BOPHA]
    assert page.node.edges["conversations"] == [dara, bophas]
    assert dara.document["snippet"] == "hello"
    world.say(page, DARA, "again", at=NOW + 2000)
    assert page.node.edges["conversations"] == [bophas, dara]
    assert (dara.document["updated_time"], dara.document["message_count"]) == (graph_time(NOW + 2000), 3)
