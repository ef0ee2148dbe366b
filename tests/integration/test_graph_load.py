"""A shop's calls of Facebook must not fill the service or delay other shops."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import httpx2
import pytest

from graph_client.gate import BUSY_SECONDS, CALLS_AT_ONCE, WAITING
from simulator.graph_faults import Stalls
from simulator.graph_gate import Barrier
from simulator.graph_nodes import FakePage
from tests.callers import mint
from tests.facebook import READER_WAITS, GraphShop, new_page, refusal
from tests.graph import FakeGraph, now
from tests.service import Service
from tests.support import NO_TLS, wait_until

COMMENTS: Final = 10_000
WALKS: Final = 3
MOST_GROWTH: Final = 4 * 1024 * 1024
"""Bytes. One walk fetches 4 MB of comments from Facebook. If a part stayed in memory, three walks would show it."""

SHOP_PAGES: Final = 12
"""With more Pages, a busy machine cannot send all calls to Facebook before the first call ends after 12 s."""
READERS: Final = 4
"""Parallel readers of each Page."""
SENT_AWAY: Final = 4
"""Callers of the stalled Page that have no place in its queue."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the largest memory from /proc")
def test_a_walk_of_ten_thousand_comments_does_not_increase_memory(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, page: FakePage
) -> None:
    """The walk has each comment once, in Facebook's order. The largest memory of the service does not grow."""
    world = graph.world
    post, start = world.add_post(page, "សួស្តី"), now() - COMMENTS
    text = "តម្លៃប៉ុន្មានបង? " * 4
    expected = [world.add_comment(post, f"{text}{n}", at=start + n).id for n in range(COMMENTS)]

    def walk() -> list[str]:
        pages = graph_shop.pages_of(page.id, f"posts/{post.id}/comments", limit=100)
        return [item["id"] for items in pages for item in items]

    assert walk() == expected
    assert len(graph.seen.of("/comments")) == COMMENTS // 100
    before = most_ever_held(graph_service)
    for _ in range(WALKS):
        assert walk() == expected
    assert most_ever_held(graph_service) - before < MOST_GROWTH


async def test_a_stalled_page_does_not_delay_other_pages(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop
) -> None:
    """The four places of the stalled Page are taken, its queue is full, and further callers are refused. Meanwhile the
    readers of all other Pages are all at Facebook at the same time and are answered. Afterwards the callers of the
    stalled Page are answered too.
    """
    pages = [new_page(graph.world) for _ in range(SHOP_PAGES)]
    for one in pages:
        graph.world.add_post(one, f"post of {one.id}")
        await asyncio.to_thread(graph_shop.bring, one)
    graph.seen.forget()
    stalled, *others = pages
    stall, hold = Barrier(), Barrier()
    graph.faults.script(stalled.id, Stalls(stall), times=None)
    for one in others:
        graph.faults.script(one.id, Stalls(hold), times=READERS)
    async with readers(graph_service) as client:

        async def read(whose: FakePage) -> httpx2.Response:
            return await client.get(f"/pages/{whose.id}/posts")

        async with asyncio.TaskGroup() as group:
            own = [group.create_task(read(stalled)) for _ in range(CALLS_AT_ONCE + WAITING + SENT_AWAY)]
            await wait_until(lambda: sum(task.done() for task in own) == SENT_AWAY, within=READER_WAITS)
            sent_away = [task.result() for task in own if task.done()]
            waiting = [task for task in own if not task.done()]
            assert {refusal(answer) for answer in sent_away} == {(429, "throttled")}
            assert {answer.headers["retry-after"] for answer in sent_away} == {str(BUSY_SECONDS)}

            reading = [(one, group.create_task(read(one))) for one in others for _ in range(READERS)]
            await wait_until(lambda: hold.waiting == len(reading), within=READER_WAITS)
            hold.open()
            for whose, task in reading:
                answer = await task
                assert answer.status_code == 200, answer.text
                assert [item["message"] for item in answer.json()["items"]] == [f"post of {whose.id}"]

            assert not any(task.done() for task in waiting)
            assert stall.waiting == CALLS_AT_ONCE
            stall.open()
        assert {task.result().status_code for task in waiting} == {200}
    assert graph.seen.at_once == {one.id: CALLS_AT_ONCE for one in pages}


def readers(service: Service) -> httpx2.AsyncClient:
    """A client of the shop without a limit of parallel calls."""
    return httpx2.AsyncClient(
        base_url=f"{service.url}/v1/shops/shop-1",
        headers={"Authorization": f"Bearer {mint('shop-1')}"},
        limits=httpx2.Limits(max_connections=None),
        timeout=READER_WAITS,
        trust_env=False,
        verify=NO_TLS,
    )


def most_ever_held(service: Service) -> int:
    """Returns the largest resident memory of the service's process so far, in bytes."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
