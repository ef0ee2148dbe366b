"""All replicas share the holds and the paces of calls to Facebook, on every server."""

import asyncio
import time
from itertools import pairwise

import pytest

from cache.errors import NotFound
from cache.graph.budgets import APP_SECONDS, Budgets
from cache.keys import APP_HOLD, shop_keys
from domain.graph import CallSlot, Limit
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import PageState
from tests.contract.conftest import PAGE, SHOP, Box
from tests.support import FakeClock, wait_until

OTHER_PAGE = PageId("104200000000002")
TOKEN = Secret("token-of-a-page-104200000000001")
STATE = PageState(1_790_000_000_000, token_alive=True)


async def enter(
    box: Budgets, page: PageId = PAGE, limit: Limit = "messenger", spacing: float = 0.5, patience: float = 4.0
) -> CallSlot:
    """Enter a call for conversations. One Page may make two such calls per second."""
    return await box.enter(SHOP, page, limit, spacing=spacing, patience=patience)


async def budget(box: Box, page: PageId = PAGE) -> list[bytes]:
    """Returns the fields of a Page's budgets."""
    return sorted(await box.connection.command("HKEYS", shop_keys(SHOP).budget(page)))


async def test_an_entry_returns_the_token_and_its_state(box: Box) -> None:
    """The same round trip returns the token. A Page without a token has none."""
    assert await enter(box.budgets, limit="pages", spacing=0) == CallSlot(None, 0.0, 0.0)
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    entry = await enter(box.budgets, limit="pages", spacing=0)
    assert entry.credentials == await box.shops.credentials(SHOP, PAGE)
    assert await budget(box) == [], "who is in no haste leaves no trace"


async def test_an_entry_for_a_page_of_another_shop_is_refused(box: Box) -> None:
    """The refused call writes nothing, so it does not hold or slow the budget of the other shop."""
    with pytest.raises(NotFound):
        await enter(box.budgets, OTHER_PAGE)
    with pytest.raises(NotFound):
        await box.budgets.enter(ShopId("shop-2"), PAGE, "pages", spacing=0.5, patience=1)
    await box.budgets.hold(SHOP, OTHER_PAGE, "pages", 60)
    await box.budgets.slow(SHOP, OTHER_PAGE, "pages", 2, 60)
    assert [key for key in await box.keys() if key.startswith(b"b:")] == []


async def test_two_replicas_share_one_pace(box: Box) -> None:
    """Two replicas make twelve calls at two calls per second, so the last call waits five and a half seconds."""
    other = Budgets(box.connection, box.sealer, clock=time.monotonic)
    began = time.monotonic()
    entries = [await enter(budgets, patience=60) for _ in range(6) for budgets in (box.budgets, other)]
    took = time.monotonic() - began
    waits = [entry.wait for entry in entries]
    assert all(entry.held == 0 for entry in entries)
    assert 5.5 - took - 0.05 <= waits[-1] <= 5.5
    assert all(later - earlier <= 0.5 for earlier, later in pairwise(waits))


async def test_parallel_entries_get_different_times(box: Box) -> None:
    """Each of eight parallel calls has another waiting time."""
    began = time.monotonic()
    entries = await asyncio.gather(*(enter(box.budgets, patience=60) for _ in range(8)))
    took = time.monotonic() - began
    places = sorted(entry.wait for entry in entries)
    assert 3.5 - took - 0.05 <= places[-1] <= 3.5
    assert len(set(places)) == 8


async def test_a_call_does_not_reserve_a_time_that_is_too_late_for_it(box: Box) -> None:
    """The refused caller gets the time that it would wait. The next caller that can wait so long gets the reserved
    time.
    """
    assert (await enter(box.budgets, spacing=10)).wait == 0
    refused = await enter(box.budgets, spacing=10, patience=4)
    again = await enter(box.budgets, spacing=10, patience=4)
    assert refused.wait == again.wait == 0
    assert 8 < again.held <= refused.held <= 10
    assert 8 < (await enter(box.budgets, spacing=10, patience=11)).wait <= 10


async def test_each_page_and_each_budget_has_its_own_pace(box: Box) -> None:
    """Posts do not wait for conversations, and a Page does not wait for another Page."""
    await box.shops.connect(SHOP, OTHER_PAGE)
    await enter(box.budgets, spacing=60)
    assert await enter(box.budgets, limit="pages", spacing=60) == CallSlot(None, 0.0, 0.0)
    assert await enter(box.budgets, OTHER_PAGE, spacing=60) == CallSlot(None, 0.0, 0.0)


async def test_a_hold_stops_one_budget_of_one_page_on_every_replica(box: Box) -> None:
    """A call that a hold stops reserves no time."""
    await box.shops.connect(SHOP, OTHER_PAGE)
    await box.shops.keep_token(SHOP, PAGE, TOKEN, STATE)
    other = Budgets(box.connection, box.sealer, clock=time.monotonic)
    await box.budgets.hold(SHOP, PAGE, "messenger", 300)
    held = await enter(other)
    assert 290 < held.held <= 300
    assert held.wait == 0
    assert held.credentials is not None
    assert held.credentials.token == TOKEN
    assert await budget(box) == [b"messenger:held"]
    assert (await enter(other, limit="pages")).held == 0
    assert (await enter(other, OTHER_PAGE)).held == 0


async def test_the_longer_of_two_holds_wins(box: Box) -> None:
    """The longer hold wins, whether it comes first or second."""
    await box.budgets.hold(SHOP, PAGE, "pages", 300)
    await box.budgets.hold(SHOP, PAGE, "pages", 10)
    assert (await enter(box.budgets, limit="pages")).held > 290
    await box.budgets.hold(SHOP, PAGE, "pages", 600)
    assert (await enter(box.budgets, limit="pages")).held > 590


async def test_a_hold_ends_by_itself(box: Box) -> None:
    """The hold ends after the time that Facebook named."""
    began = time.monotonic()
    await box.budgets.hold(SHOP, PAGE, "pages", 0.05)

    async def over() -> bool:
        entry = await enter(box.budgets, limit="pages", spacing=0)
        assert entry.held <= 0.05
        return entry.held == 0

    await wait_until(over)
    assert time.monotonic() - began >= 0.04


async def test_a_page_near_its_limit_is_slowed_down(box: Box) -> None:
    """The pause between calls is then longer than the callers ask for. The usage that was reported last decides, and it
    can also end the slowing.
    """
    await box.budgets.slow(SHOP, PAGE, "pages", 200, 300)
    assert (await enter(box.budgets, limit="pages", spacing=0)).wait == 0
    assert 190 < (await enter(box.budgets, limit="pages", spacing=0)).held <= 200
    assert 290 < (await enter(box.budgets, limit="pages", spacing=300)).held <= 300, "who wants more room has it"
    await box.budgets.slow(SHOP, PAGE, "pages", 20, 300)
    assert 10 < (await enter(box.budgets, limit="pages", spacing=0, patience=20)).wait <= 20
    await box.budgets.slow(SHOP, PAGE, "messenger", 20, 300)
    await enter(box.budgets, spacing=0)
    await box.budgets.slow(SHOP, PAGE, "messenger", 0, 300)
    assert await enter(box.budgets, spacing=0) == CallSlot(None, 0.0, 0.0)


async def test_every_budget_key_expires_after_all_its_times_have_passed(box: Box) -> None:
    """The key expires a minute after the latest time in it, so a caller that asks for a longer pause still finds the
    time of the last call.
    """
    key = shop_keys(SHOP).budget(PAGE)

    async def seconds_left() -> float:
        return int(await box.connection.command("PTTL", key)) / 1000

    await enter(box.budgets)
    assert 55 < await seconds_left() <= 61
    await box.budgets.slow(SHOP, PAGE, "pages", 2, 100)
    assert 155 < await seconds_left() <= 161
    await box.budgets.hold(SHOP, PAGE, "pages", 3600)
    await enter(box.budgets)
    assert 3650 < await seconds_left() <= 3661


async def test_a_hold_of_the_app_stops_this_replica_at_once_and_others_within_a_second(box: Box) -> None:
    """A call that the hold stops reserves no time, and the longer of two holds wins."""
    clock = FakeClock()
    here, there = (Budgets(box.connection, box.sealer, clock=clock.seconds) for _ in range(2))
    assert (await enter(there, spacing=0)).held == 0
    await here.hold_app(300)
    await here.hold_app(20)
    assert 290 < (await enter(here)).held <= 300
    assert await budget(box) == [], "no place was taken"
    assert (await enter(there, spacing=0)).held == 0, "it has looked a moment ago"
    clock.advance(APP_SECONDS)
    assert 290 < (await enter(there, limit="pages")).held <= 300
    clock.advance(301)
    await box.connection.command("DEL", APP_HOLD)
    assert (await enter(there, spacing=0)).held == 0
    assert (await enter(here, spacing=0)).held == 0


async def test_a_hold_of_the_app_always_has_an_expiry_time(box: Box) -> None:
    """A key without an expiry time would stop every call for ever."""
    await box.budgets.hold_app(0)
    assert APP_HOLD not in await box.keys()
    await box.budgets.hold_app(60.5)
    assert 50_000 < int(await box.connection.command("PTTL", APP_HOLD)) <= 60_500
