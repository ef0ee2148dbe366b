"""A primary is lost and its replica becomes the primary: with Sentinel, and in a cluster. Slots move under load.

Messages that were answered 200 are stored once, other messages are refused in time, and no process is restarted.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal

import pytest
from redis.crc import key_slot

from cache.keys import page_key, shop_keys
from domain.ids import PageId, ShopId
from tests.callers import Shop
from tests.fault.conftest import EndsWith
from tests.fault.load import Load, loading
from tests.fault.rows import FULL, RECOVERED_SECONDS, REFUSED_SECONDS
from tests.replicated import FAILOVER_SECONDS, Replicated, behind_sentinels, cluster_with_replicas
from tests.servers import admin
from tests.service import Service, serving
from tests.support import wait_until

SHOPS: Final = {PageId(f"10420000000001{n}"): f"shop-{n}" for n in range(6)}
"""Pages with their shops. There are enough of them for every node of a cluster."""

pytestmark = pytest.mark.timeout(180)


@contextmanager
def connected(url: str, log: Path, **settings: str) -> Iterator[Service]:
    """Yields a service with a Page for each of the shops."""
    with serving(url, log, **settings) as service:
        for page, name in SHOPS.items():
            with Shop(service.url, name) as shop:
                shop.connect(page)
        yield service


@asynccontextmanager
async def loaded(service: Service) -> AsyncIterator[Load]:
    """Yields a load for all the shops that is already running."""
    async with loading(service.url, pages=tuple(SHOPS)) as load:
        await load.reach(300)
        yield load


def readable(service: Service) -> list[str]:
    """Returns every id of every shop."""
    found: list[str] = []
    for name in SHOPS.values():
        with Shop(service.url, name) as shop:
            found += shop.ids()
    return found


async def taken_over(store: Replicated, primaries: int) -> float:
    """Wait until this number of primaries is there again. Returns the time at which they are there."""
    await wait_until(lambda: asyncio.to_thread(lambda: len(store.primaries()) == primaries), within=FAILOVER_SECONDS)
    return time.monotonic()


async def recovered(load: Load, since: float) -> float:
    """Wait until every connection of the load works again and none waits for a lost node. Returns the seconds until the
    first connection worked."""
    seconds = await load.recovered(since)
    await load.reach(300)
    return seconds


FAULTS: Final = {
    "sentinel": (behind_sentinels, 1),
    "cluster": (cluster_with_replicas, 3),
}


async def lose_a_primary(kind: str, how: Literal["killed", "hung"], directory: Path, row: EndsWith) -> None:
    """Lose a primary under load, and wait until everything works again. A primary that hung comes back and finds that
    it is no longer the primary."""
    start: Callable[[Path], AbstractContextManager[Replicated]]
    start, primaries = FAULTS[kind]
    with start(directory) as store, connected(store.url, directory / "log") as service:
        async with loaded(service) as load:
            victim = store.primaries()[0]
            store.kill(victim) if how == "killed" else store.hang(victim)
            recovery = await recovered(load, await taken_over(store, primaries))
            if how == "hung":
                store.go_on(victim)
                await wait_until(lambda: asyncio.to_thread(lambda: store.role(victim) == "slave"), FAILOVER_SECONDS)
                await load.recovered(time.monotonic())
                await load.reach(100)
        assert load.slowest_refusal < REFUSED_SECONDS
        assert recovery < RECOVERED_SECONDS
        assert set(load.statuses) == {200, 503}
        assert load.broken == 0 or not FULL, "on a busy machine an answer may take longer than five seconds"
        row(load, readable(service), recovery=recovery)


@pytest.mark.fault("primary behind Sentinel killed, its replica takes over")
async def test_a_kill_of_a_primary_behind_sentinel_loses_no_acknowledged_message(tmp_path: Path, row: EndsWith) -> None:
    """Three Sentinels choose the replica, and the service asks them."""
    await lose_a_primary("sentinel", "killed", tmp_path, row)


@pytest.mark.fault("primary behind Sentinel hung, its replica takes over, it comes back")
async def test_a_primary_behind_sentinel_is_not_used_after_it_hung_and_was_replaced(
    tmp_path: Path, row: EndsWith
) -> None:
    """Connections to the old primary are still open when it comes back as a replica, which refuses writes."""
    await lose_a_primary("sentinel", "hung", tmp_path, row)


@pytest.mark.fault("primary of a cluster killed, its replica takes over")
async def test_a_kill_of_a_primary_of_a_cluster_loses_no_acknowledged_message(tmp_path: Path, row: EndsWith) -> None:
    """The shops of the other two primaries are served as soon as the cluster allows it."""
    await lose_a_primary("cluster", "killed", tmp_path, row)


@pytest.mark.fault("primary of a cluster hung, its replica takes over, it comes back")
async def test_a_primary_of_a_cluster_is_not_used_after_it_hung_and_was_replaced(tmp_path: Path, row: EndsWith) -> None:
    """A client that still asks the old primary is redirected."""
    await lose_a_primary("cluster", "hung", tmp_path, row)


@pytest.mark.fault("slots of a cluster moved, key by key, while traffic runs")
async def test_a_move_of_slots_under_load_loses_and_duplicates_no_message(tmp_path: Path, row: EndsWith) -> None:
    """The slots of two Pages and of two shops move, and move back."""
    page, *_ = SHOPS
    keys = [page_key(page), *(shop_keys(ShopId(name)).registry for name in list(SHOPS.values())[:2])]
    with cluster_with_replicas(tmp_path) as store, connected(store.url, tmp_path / "log") as service:
        ports = list(store.nodes)[:3]
        async with loaded(service) as load:
            for slot in map(key_slot, keys):
                source = ports[3 * slot // 16_384]
                target = next(port for port in ports if port != source)
                await asyncio.to_thread(store.move_slot, slot, source, target)
                await load.reach(50)
                await asyncio.to_thread(store.move_slot, slot, target, source)
                await load.reach(50)
            recovery = await recovered(load, time.monotonic())
        assert recovery < RECOVERED_SECONDS
        assert load.slowest_refusal < REFUSED_SECONDS
        assert set(load.statuses) <= {200, 503}
        row(load, readable(service), recovery=recovery)


async def lose_a_primary_before_its_replica_has_everything(
    directory: Path, replicas: int, meanwhile: Callable[[Load], Awaitable[None]]
) -> tuple[Load, list[str], float]:
    """Let every replica hang and `meanwhile` pass, then kill the primary, so that a replica becomes the primary. If a
    replica must confirm each write, there is one more replica."""
    with (
        behind_sentinels(directory, 1 + replicas) as store,
        connected(store.url, directory / "log", WAIT_REPLICAS=str(replicas)) as service,
    ):
        async with loaded(service) as load:
            (primary,) = store.primaries()
            following = store.nodes.keys() - {primary}
            for replica in following:
                store.hang(replica)
            with store.client(primary) as client:  # its socket would keep what comes now
                admin(client, "CLIENT", "KILL", "TYPE", "replica")
            await meanwhile(load)
            store.kill(primary)
            for replica in following:
                store.go_on(replica)
            await taken_over(store, 1)
            (primary,) = store.primaries()
            await wait_until(lambda: asyncio.to_thread(lambda: store.replicas(primary) == replicas), FAILOVER_SECONDS)
            recovery = await recovered(load, time.monotonic())
        assert load.slowest_refusal < REFUSED_SECONDS
        assert recovery < RECOVERED_SECONDS
        return load, readable(service), recovery


@pytest.mark.fault("primary killed before its replica had everything")
async def test_a_lost_primary_may_lose_messages_that_no_replica_has(tmp_path: Path, row: EndsWith) -> None:
    """Replication is asynchronous. The service waits for replicas only with WAIT_REPLICAS."""
    load, found, recovery = await lose_a_primary_before_its_replica_has_everything(
        tmp_path, 0, lambda load: load.reach(150)
    )
    row(load, found, recovery=recovery, may_lose="what no replica had; WAIT_REPLICAS closes it")


@pytest.mark.fault("primary killed before its replica had everything, with WAIT_REPLICAS=1")
async def test_wait_replicas_prevents_the_acknowledgement_of_a_message_that_no_replica_has(
    tmp_path: Path, row: EndsWith
) -> None:
    """The message is refused, and its redelivery is a duplicate at the primary. The service still does not acknowledge
    it."""

    async def refused(load: Load) -> None:
        before = load.statuses[503]
        await wait_until(lambda: load.statuses[503] >= before + 60, within=60)

    load, found, recovery = await lose_a_primary_before_its_replica_has_everything(tmp_path, 1, refused)
    row(load, found, recovery=recovery)
