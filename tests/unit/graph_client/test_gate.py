"""The limit of calls of one Page at the same time."""

import asyncio

import pytest

from domain.ids import PageId, ShopId
from graph_client.errors import Throttled
from graph_client.gate import CALLS_AT_ONCE, WAITING, Gate

ONE, OTHER = PageId("1"), PageId("2")
SHOP = ShopId("shop-1")


class Caller:
    """Holds a turn until the test releases it. `inside` is the number of holders."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.inside = 0
        self.go = asyncio.Event()

    async def call(self, page: PageId, shop: ShopId = SHOP) -> None:
        """Make one call."""
        async with self.gate.turn(shop, page):
            self.inside += 1
            await self.go.wait()


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_limit_of_simultaneous_calls_is_separate_for_each_page() -> None:
    """The other calls of the Page wait for their turn."""
    gate = Gate()
    stalled, other = Caller(gate), Caller(gate)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLS_AT_ONCE + 3):
            tasks.create_task(stalled.call(ONE))
        tasks.create_task(other.call(OTHER))
        await settle()
        assert (stalled.inside, other.inside) == (CALLS_AT_ONCE, 1)
        stalled.go.set()
        other.go.set()
    assert stalled.inside == CALLS_AT_ONCE + 3


async def test_a_full_queue_refuses_a_call_with_a_time_to_retry() -> None:
    """The queue is bounded. A call that would wait too long is refused without a wait."""
    caller = Caller(Gate())
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLS_AT_ONCE + WAITING):
            tasks.create_task(caller.call(ONE))
        await settle()
        with pytest.raises(Throttled) as refused:
            await caller.call(ONE)
        assert refused.value.retry_after == 2
        caller.go.set()


async def test_calls_of_one_shop_do_not_delay_another_shop_with_the_same_page() -> None:
    """The ids of Pages are public, so any shop can call with the id of another shop's Page."""
    gate = Gate()
    stranger, owner = Caller(gate), Caller(gate)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLS_AT_ONCE + WAITING):
            tasks.create_task(stranger.call(ONE, ShopId("shop-2")))
        await settle()
        tasks.create_task(owner.call(ONE))
        await settle()
        assert owner.inside == 1
        stranger.go.set()
        owner.go.set()


async def test_a_cancelled_caller_frees_its_place_in_the_queue() -> None:
    """A Page without calls leaves no data behind."""
    gate = Gate()
    caller = Caller(gate)
    calls = [asyncio.create_task(caller.call(ONE)) for _ in range(CALLS_AT_ONCE + WAITING)]
    await settle()
    calls.pop(CALLS_AT_ONCE).cancel()
    await settle()
    calls.append(asyncio.create_task(caller.call(ONE)))
    caller.go.set()
    await asyncio.gather(*calls)
    assert caller.inside == CALLS_AT_ONCE + WAITING
    assert gate._pages == {}
