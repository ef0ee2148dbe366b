"""One viewer's queue: in order, bounded, and never in the way of those who push."""

import asyncio

import pytest

from api.viewer import QUEUE, Viewer


def made(position: int = 0) -> Viewer:
    """A viewer that has caught up."""
    viewer = Viewer(position)
    viewer.behind = False
    return viewer


async def test_what_is_pushed_is_taken_in_order_and_together() -> None:
    """Whoever was busy gets all that came meanwhile at once."""
    viewer = made()
    viewer.push(b"a", 1)
    viewer.push(b"b", 2)
    viewer.push(b"live")
    assert (viewer.taken, viewer.position) == (0, 2)
    assert await viewer.next() == b"ablive"
    assert viewer.taken == 2
    waiting = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    viewer.push(b"c", 3)
    assert await waiting == b"c"


async def test_one_that_takes_nothing_is_ended_when_its_queue_is_full() -> None:
    """Not sooner."""
    viewer = made()
    for n in range(QUEUE):
        viewer.push(b"x", n)
    assert viewer.ended is None
    viewer.push(b"x", QUEUE)
    assert viewer.ended == "slow"


async def test_a_sender_that_is_stuck_is_cancelled_by_the_end() -> None:
    """Nobody waits for a viewer that does not read."""
    stuck = asyncio.Event()
    viewers: list[Viewer] = []

    async def send() -> None:
        viewer = made()
        viewers.append(viewer)
        viewer.sending = True
        await stuck.wait()

    sender = asyncio.create_task(send())
    await asyncio.sleep(0)
    viewers[0].end("closing")
    with pytest.raises(asyncio.CancelledError):
        await sender


async def test_one_that_waits_is_told_of_the_end_and_gets_what_was_pushed_before() -> None:
    """The first reason stands."""
    viewer = made()
    waiting = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    viewer.push(b"last", 1)
    viewer.end("purge")
    viewer.end("left")
    viewer.push(b"later", 2)
    assert await waiting == b"last"
    assert await viewer.next() is None
    assert viewer.ended == "purge"


async def test_a_rewind_throws_away_what_was_not_taken() -> None:
    """The viewer reads the store from there by itself; one that had taken everything does not notice."""
    viewer = made()
    viewer.push(b"a", 1)
    await viewer.next()
    viewer.rewind()
    assert not viewer.behind
    viewer.push(b"b", 2)
    viewer.rewind()
    viewer.push(b"c", 3)
    assert (viewer.behind, viewer.position) == (True, 1)
    assert await viewer.next() is None
