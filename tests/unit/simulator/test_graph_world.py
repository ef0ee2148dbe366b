"""What happens in Graph's world: things take their place, and tell of each other."""

import random

import pytest

from domain.ids import MessageId, PageId, Psid
from domain.secret import Secret
from simulator.graph_nodes import FakePage, graph_time
from simulator.graph_world import SCOPES, World
from tests.support import FakeClock

PAGE = PageId("104200000000001")
DARA, BOPHA = Psid("7000000000000001"), Psid("7000000000000002")
NOW = 1_770_000_000_000


@pytest.fixture
def page() -> FakePage:
    """A Page of a new world."""
    return world_of().add_page(PAGE)


def world_of() -> World:
    """An empty one."""
    return World("2001", [Secret("shop-app-secret-1")], random.Random(1), FakeClock(NOW).moment)


def test_times_are_written_as_graph_writes_them() -> None:
    """Whole seconds, and no colon in the zone."""
    assert graph_time(1_770_000_070_999) == "2026-02-02T02:41:10+0000"


def test_what_is_added_late_takes_its_place_by_its_time() -> None:
    """Lists are in order whatever the order of telling."""
    world = world_of()
    page = world.add_page(PAGE)
    later, earlier, middle = (world.add_post(page, str(at), at=NOW + at) for at in (9, 1, 5))
    assert page.node.edges["posts"] == [earlier, middle, later]


def test_a_conversation_follows_its_newest_message() -> None:
    """An old message told late moves nothing."""
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


def test_a_message_has_the_id_it_was_given_or_one_of_todays_form() -> None:
    """So that a test can send the same one by webhook."""
    world = world_of()
    page = world.add_page(PAGE)
    assert world.say(page, DARA, "hello", mid=MessageId("m_1")).id == "m_1"
    assert len(world.say(page, DARA, "hello").id) == 88
    assert world.objects["m_1"].above is page.conversations[DARA]


def test_a_page_begins_without_subscriptions_and_with_a_token_of_its_own(page: FakePage) -> None:
    """Which never expires and may do everything the service needs."""
    assert page.subscriptions == {}
    assert page.token.reveal().startswith("EAA")
    world = world_of()
    token = world.tokens[world.add_page(PAGE, token=Secret("EAAmine")).token.reveal()]
    assert (token.value, token.type, token.profile) == (Secret("EAAmine"), "PAGE", PAGE)
    assert (token.scopes, token.expires_at, token.dead) == (SCOPES, 0, None)


def test_a_node_that_does_not_hang_there_cannot_be_taken_off() -> None:
    """Rather than another being taken."""
    world = world_of()
    page = world.add_page(PAGE)
    first, second = world.add_post(page, "1"), world.add_post(page, "2")
    page.node.unhang("posts", first)
    assert page.node.edges["posts"] == [second]
    with pytest.raises(ValueError, match="nothing of rank"):
        page.node.unhang("posts", first)
