"""The queue of one viewer keeps the order of events, is bounded, and never delays the sender."""

import asyncio

import pytest

from api.viewer import QUEUE, QUEUE_BYTES, SENT_BYTES, Viewer


def made(position: int = 0) -> Viewer:
    """Returns a viewer that has caught up."""
    viewer = Viewer(position, Viewer.wake)
    viewer.behind = False
    return viewer


async def test_the_viewer_takes_all_pushed_events_together_and_in_order() -> None:
    """A viewer that was busy takes all waiting events in one call."""
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


async def test_a_viewer_that_takes_no_events_is_ended_when_its_queue_is_full() -> None:
    """The viewer is not ended sooner."""
    viewer = made()
    for n in range(QUEUE):
        viewer.push(b"x", n)
    assert viewer.ended is None
    viewer.push(b"x", QUEUE)
    assert viewer.ended == "slow"


async def test_a_viewer_that_takes_no_events_is_ended_when_its_queue_has_too_many_bytes() -> None:
    """The viewer is not ended sooner. Waiting events are dropped, and the viewer resumes after the last event that it
    took."""
    viewer = made()
    event = b"x" * (QUEUE_BYTES // 4)
    for n in range(1, 5):
        viewer.push(event, n)
    assert viewer.ended is None
    viewer.push(b"x", 5)
    assert viewer.ended == "slow"
    assert await viewer.next() is None
    assert viewer.taken == 0


async def test_taken_events_free_room_in_the_queue() -> None:
    """In total, ten times the allowed bytes go through the queue."""
    viewer = made()
    for n in range(1, 41):
        viewer.push(b"x" * (QUEUE_BYTES // 4), n)
        assert await viewer.next() is not None
    assert (viewer.ended, viewer.taken) == (None, 40)


async def test_a_rewind_makes_room() -> None:
    """Dropped events do not count."""
    viewer = made()
    viewer.push(b"x" * QUEUE_BYTES, 1)
    viewer.rewind()
    viewer.behind = False
    viewer.push(b"x" * QUEUE_BYTES, 1)
    assert viewer.ended is None


async def test_one_event_may_be_larger_than_the_queue() -> None:
    """Without this exception, no live viewer could get this event."""
    viewer = made()
    viewer.push(b"x" * (2 * QUEUE_BYTES), 1)
    chunk = await viewer.next()
    assert chunk is not None
    assert len(chunk) == 2 * QUEUE_BYTES


async def test_the_viewer_takes_waiting_events_in_parts_and_counts_each_part() -> None:
    """No part contains the whole queue. A stream that ends still sends all events."""
    viewer = made()
    event = b"x" * (SENT_BYTES // 2 - 1)
    for n in range(1, 6):
        viewer.push(event, n)
    viewer.end("closing")
    taken = []
    while (chunk := await viewer.next()) is not None:
        taken.append((len(chunk) // len(event), viewer.taken))
    assert taken == [(2, 2), (2, 4), (1, 5)]


async def test_the_end_of_a_viewer_cancels_its_blocked_sender() -> None:
    """After the end, no task waits for a viewer that does not read."""
    stuck = asyncio.Event()
    viewers: list[Viewer] = []

    async def send() -> None:
        viewer = made()
        viewers.append(viewer)
        viewer.push(b"waits", 1)
        viewer.sending = True
        await stuck.wait()

    sender = asyncio.create_task(send())
    await asyncio.sleep(0)
    viewers[0].end("closing")
    with pytest.raises(asyncio.CancelledError):
        await sender
    assert await viewers[0].next() is None


async def test_a_waiting_viewer_gets_the_events_from_before_its_end() -> None:
    """If the viewer is ended twice, it keeps the first reason."""
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


async def test_a_rewind_drops_the_events_that_were_not_taken() -> None:
    """The viewer then reads the store itself. A viewer that had taken everything does not notice."""
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
