"""Several workers and several replicas: when one ends, stops or is replaced, no caller notices."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from app.server import GRACE_SECONDS
from domain.ids import PageId
from simulator.plan import Plan
from simulator.sender import Sender
from tests.callers import PAGE, Operator, Shop
from tests.fault.balancer import balancing
from tests.fault.conftest import EndsWith
from tests.fault.load import CONNECTIONS, loading
from tests.fault.rows import FULL
from tests.fault.test_killed import readable
from tests.servers import Server, running_cluster, valkey9
from tests.service import APP_SECRET, Service, serving
from tests.support import wait_until, wait_until_blocking
from tests.viewer import Viewer

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads the list of processes from /proc"),
    pytest.mark.timeout(1200 if FULL else 180),
]

WITHIN = 30.0
SWEEP_SECONDS = 27.0
"""Time after a sweep in which no other sweep begins (cache/messages/sweeper.py)."""


async def all_serve(service: Service, count: int = 2) -> None:
    """Wait until this number of workers serves."""
    with Operator(service.ops_url) as operator:
        await wait_until(lambda: operator.counts("workers")[()] == count, WITHIN)


def page_of(number: int) -> PageId:
    """Returns another Page for each run, because the store already knows messages that were sent to the same Page."""
    return PageId(f"{104_200_000_000_100 + number}")


def connected(service: Service, number: int) -> str:
    """Returns the name of a shop that has only this Page."""
    name = f"shop-{number}"
    with Shop(service.url, name) as shop:
        shop.connect(page_of(number))
    return name


def ids_of(service: Service, name: str) -> list[str]:
    """Returns every id that a shop shows, once for each time that the service shows it."""
    with Shop(service.url, name) as shop:
        return shop.ids()


@pytest.mark.fault("one of two worker processes killed (SIGKILL) at a random moment")
async def test_repeated_kills_of_one_of_two_workers_lose_no_message(
    valkey: Server, tmp_path: Path, row: EndsWith
) -> None:
    """The other worker continues, and the killed worker is replaced every time."""
    times = 20 if FULL else 2
    with serving(valkey.url, tmp_path / "log", WEB_CONCURRENCY="2") as service:
        for number in range(times):
            await all_serve(service)
            shop = connected(service, number)
            async with loading(service.url, pages=[page_of(number)]) as load:
                await load.reach(random.randrange(1, 600))
                os.kill(random.choice(service.workers()), signal.SIGKILL)
                recovery = await load.recovered(time.monotonic())
                await load.reach(50)
            assert load.statuses.keys() <= {200, 503}
            row(load, await asyncio.to_thread(ids_of, service, shop), recovery=recovery)
        await all_serve(service)
        with Operator(service.ops_url) as operator:
            assert operator.counts("worker_deaths_total")[("signal",)] == times


@pytest.mark.fault("one of two worker processes stands still (SIGSTOP), and goes on")
async def test_a_pause_of_one_of_two_workers_loses_no_message(valkey: Server, tmp_path: Path, row: EndsWith) -> None:
    """Facebook ends its requests to this worker and sends them again to the other worker. Then the first worker
    continues."""
    with serving(valkey.url, tmp_path / "log", WEB_CONCURRENCY="2") as service:
        with Shop(service.url) as shop:
            shop.connect()
        await all_serve(service)
        async with loading(service.url) as load:
            await load.reach(200)
            still = random.choice(service.workers())
            os.kill(still, signal.SIGSTOP)
            try:
                await load.recovered(time.monotonic(), within=WITHIN)
                await asyncio.to_thread(wait_until_blocking, lambda: not service.answers("/livez"), WITHIN)
            finally:
                since = time.monotonic()
                os.kill(still, signal.SIGCONT)
            recovery = await load.recovered(since)
            await asyncio.to_thread(wait_until_blocking, lambda: service.answers("/livez"), WITHIN)
            await load.reach(200)
        # 408: the second half of a body came after the time limit of a body.
        assert load.statuses.keys() <= {200, 408, 503}
        found = readable(service.url)
    row(load, found, recovery=recovery)


@pytest.mark.fault("the service with two workers stopped (SIGTERM), with streams open")
async def test_a_sigterm_drains_requests_queue_and_streams_of_all_workers(
    valkey: Server, tmp_path: Path, row: EndsWith
) -> None:
    """Every stream ends with its reason. Every delivery is answered or was never accepted."""
    with serving(valkey.url, tmp_path / "stopped", WEB_CONCURRENCY="2") as service, ExitStack() as stack:
        with Shop(service.url) as shop:
            shop.connect()
        await all_serve(service)
        viewers = [stack.enter_context(Viewer(service.url)) for _ in range(6)]
        async with loading(service.url) as load:
            await load.reach(random.randrange(300, 900))
            began = time.monotonic()
            assert await asyncio.to_thread(service.terminate) == 0
            assert time.monotonic() - began < GRACE_SECONDS, "streams wait for nothing"
        assert load.statuses.keys() <= {200, 503}
        for viewer in viewers:
            await wait_until(lambda viewer=viewer: viewer.whole, WITHIN)  # type: ignore[misc]
        lines = service.lines()
        assert [line for line in lines if line["level"] in {"error", "critical"}] == []
        assert Counter(line["event"] for line in lines)["closed"] == 3, "two workers and their supervisor"
    with serving(valkey.url, tmp_path / "next") as service:
        found = readable(service.url)
    row(load, found)


@pytest.mark.fault("two replicas restarted in turn (SIGTERM)")
async def test_a_rolling_replacement_of_two_replicas_loses_no_message(
    valkey: Server, tmp_path: Path, row: EndsWith
) -> None:
    """A new replica starts before an old replica ends. A sender that reaches the old replica too late sends again."""
    waits = (0.0, *(0.2,) * 400)
    plan = Plan((PAGE,), count=300, rate=60, duplicates=0.1, disorder=0.2, retry_waits=waits)
    async with AsyncExitStack() as stack:

        async def replica(name: str) -> Service:
            return await asyncio.to_thread(stack.enter_context, serving(valkey.url, tmp_path / name))

        serves = [await replica("first"), await replica("second")]
        with Shop(serves[0].url) as shop:
            shop.connect(PAGE)
        balancer = await stack.enter_async_context(balancing(*(service.port for service in serves)))
        sender = Sender(f"{balancer.url}/webhook", APP_SECRET)
        sending = asyncio.create_task(sender.run(plan, rng=random.Random()))
        for number in range(20 if FULL else 2):
            name = connected(serves[0], number)
            async with loading(balancer.url, pages=[page_of(number)]) as load:
                await load.reach(random.randrange(1, 600))
                serves.append(await replica(f"next-{number}"))
                old = serves.pop(0)
                since = time.monotonic()
                assert await asyncio.to_thread(old.terminate) == 0
                balancer.ports = [service.port for service in serves]  # the balancer gets the new ports last
                recovery = await load.recovered(since)
            assert load.statuses.keys() <= {200, 503}
            found = [await asyncio.to_thread(ids_of, service, name) for service in serves]
            assert load.acknowledged <= set(found[1])
            row(load, found[0], recovery=recovery)
        summary = await asyncio.wait_for(sending, 2 * WITHIN)
        assert summary.given_up == 0
        with Shop(serves[0].url) as shop:
            shown = {message["id"]: message.get("text") for message in shop.walk()}
        assert {kept.mid: kept.text for kept in summary.readable}.items() <= shown.items()


async def the_same_for_all(replicas: list[Service], name: str) -> list[str]:
    """Returns the ids that every replica shows for a shop with any worker, when nothing is in progress."""
    answers: list[list[str]] = []

    def alike() -> bool:
        answers.clear()
        for service in replicas * 2:
            with Shop(service.url, name) as shop:
                answers.append(shop.ids())
        return answers.count(answers[0]) == len(answers)

    await asyncio.to_thread(wait_until_blocking, alike, WITHIN)
    return answers[0]


async def test_two_replicas_of_two_workers_on_a_cluster_are_one_service(tmp_path: Path) -> None:
    """Both replicas give the same answers. The sum of their counts is the number of sent messages. Only one replica
    sweeps at a time."""
    pages = [PageId(f"10420000000000{n}") for n in range(1, 7)]
    with running_cluster(tmp_path / "cluster", valkey9()) as cluster, ExitStack() as stack:
        began = time.monotonic()
        replicas = [
            stack.enter_context(serving(cluster.url, tmp_path / name, WEB_CONCURRENCY="2")) for name in ("one", "two")
        ]
        for service in replicas:
            await all_serve(service)
        for number, page in enumerate(pages):
            with Shop(replicas[number % 2].url, f"shop-{number}") as shop:
                shop.connect(page)
        operators = [stack.enter_context(Operator(service.ops_url)) for service in replicas]
        async with AsyncExitStack() as loads:
            sent = [await loads.enter_async_context(loading(replica.url, pages=pages)) for replica in replicas]
            for load in sent:
                await load.reach(600)
        # Both loads count their deliveries from 1, so they send the same messages. Each message is stored once.
        acknowledged = set.union(*(load.acknowledged for load in sent))
        for number in range(len(pages)):
            found = await the_same_for_all(replicas, f"shop-{number}")
            assert len(set(found)) == len(found)
            acknowledged -= set(found)
        assert acknowledged == set()

        def told(name: str, *labels: str) -> int:
            return sum(operator.counts(name)[labels] for operator in operators)

        # Deliveries in progress at the end, or dropped by the sender, were counted but not answered.
        answered = sum(load.statuses[200] for load in sent)
        unheard = sum(load.broken + CONNECTIONS for load in sent)
        await wait_until(lambda: told("deliveries_total", "accepted") >= answered, WITHIN)
        assert told("deliveries_total", "accepted") <= answered + unheard
        if FULL:
            await asyncio.sleep(4 * SWEEP_SECONDS - (time.monotonic() - began))
        await wait_until(lambda: told("sweep_seconds_count") >= (3 if FULL else 1), 2 * SWEEP_SECONDS)
        assert told("sweep_seconds_count") <= 1 + (time.monotonic() - began) // SWEEP_SECONDS
