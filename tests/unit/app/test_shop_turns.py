"""Shops share the event loop. Each iteration runs one piece of work, and the waiting shops take turns."""

import asyncio

from app.shop_turns import ShopTurns
from domain.ids import ShopId

BUSY, QUIET = ShopId("busy"), ShopId("quiet")


async def work(turns: ShopTurns, shop: ShopId, pieces: int, done: list[str]) -> None:
    """Run one read in pieces."""
    for _ in range(pieces):
        await turns.turn(shop)
        done.append(shop)


async def test_a_shop_with_many_reads_gets_the_same_share_as_a_shop_with_one_read() -> None:
    """The read of the quiet shop has eight pieces. Before each piece it waits for about one piece of the busy shop."""
    turns, done = ShopTurns(), list[str]()
    many = [asyncio.create_task(work(turns, BUSY, 50, done)) for _ in range(100)]
    for _ in range(10):
        await asyncio.sleep(0)
    before = len(done)
    await work(turns, QUIET, 8, done)
    assert len(done) - before <= 2 * 8 + 2
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def test_one_piece_runs_in_an_iteration() -> None:
    """A delivery waits for at most one piece."""
    turns, done = ShopTurns(), list[str]()
    tasks = [asyncio.create_task(work(turns, ShopId(f"{n}"), 20, done)) for n in range(5)]
    await asyncio.sleep(0)
    for _ in range(20):
        before = len(done)
        await asyncio.sleep(0)
        assert len(done) - before <= 2
    await asyncio.gather(*tasks)
    assert len(done) == 100


async def test_a_cancelled_read_does_not_delay_other_reads() -> None:
    """The next read gets its turn."""
    turns, done = ShopTurns(), list[str]()
    gone = [asyncio.create_task(work(turns, BUSY, 5, done)) for _ in range(20)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    async with asyncio.timeout(20):
        await work(turns, BUSY, 3, done)
    assert done.count(BUSY) >= 3


async def test_a_callback_waits_for_its_turn_too() -> None:
    """A callback that asks for its next turn does not delay other callbacks."""
    turns, called = ShopTurns(), list[int]()

    def again() -> None:
        called.append(1)
        turns.call(BUSY, again)

    turns.call(BUSY, again)
    done: list[str] = []
    async with asyncio.timeout(20):
        await work(turns, QUIET, 10, done)
    assert len(called) <= 12
