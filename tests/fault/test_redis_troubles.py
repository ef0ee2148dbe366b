"""Redis has a fault while deliveries arrive. No message that was answered 200 is lost or stored twice. What cannot be
stored is refused within two seconds. Everything works again within five seconds after the end of the fault."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import redis

from tests.breakable import Breakable
from tests.callers import Shop
from tests.fault.conftest import EndsWith
from tests.fault.load import Load, loading
from tests.fault.relay import relaying
from tests.fault.rows import FULL, RECOVERED_SECONDS, REFUSED_SECONDS
from tests.servers import Server, admin, free_ports
from tests.service import Service, serving
from tests.support import wait_until

LASTS_SECONDS: Final = 30.0 if FULL else 2.0
"""Seconds that a trouble lasts."""

pytestmark = pytest.mark.timeout(180)


@asynccontextmanager
async def loaded(url: str, log: Path, **settings: str) -> AsyncIterator[tuple[Service, Load]]:
    """Yields a service with its Page, under a load that is already running."""
    async with AsyncExitStack() as stack:
        service = await asyncio.to_thread(stack.enter_context, serving(url, log, **settings))
        with Shop(service.url) as shop:
            await asyncio.to_thread(shop.connect)
        load = await stack.enter_async_context(loading(service.url))
        await load.reach(150)
        yield service, load


async def goes_on(service: Service, load: Load, row: EndsWith, since: float) -> None:
    """Check that the service soon works again, and that every acknowledged message is there once."""
    recovery = await load.recovered(since)
    await load.reach(150)
    with Shop(service.url) as shop:
        # Deliveries that are acknowledged after the reading has begun are not compared.
        acknowledged = set(load.acknowledged)
        found = await asyncio.to_thread(shop.ids)
    assert acknowledged <= set(found)
    # 408: on a busy machine a body of this sender may take too long.
    assert load.statuses.keys() <= ({200, 503} if FULL else {200, 408, 503})
    assert load.broken == 0 or not FULL, "on a busy machine an answer may take longer than five seconds"
    assert load.slowest_refusal < REFUSED_SECONDS
    assert recovery < RECOVERED_SECONDS
    load.acknowledged &= acknowledged
    row(load, found, recovery=recovery)


async def lasts(load: Load) -> None:
    """Wait until the trouble has lasted long enough and has had an effect."""
    await wait_until(lambda: load.statuses[503] > 0, within=30)
    await asyncio.sleep(LASTS_SECONDS)


async def comes_through(
    breakable: Breakable,
    log: Path,
    row: EndsWith,
    begin: Callable[[Breakable], None],
    end: Callable[[Breakable], None],
) -> None:
    """Cause the trouble under load, and wait until everything works again."""
    async with loaded(breakable.url, log) as (service, load):
        begin(breakable)
        await lasts(load)
        end(breakable)
        await goes_on(service, load, row, time.monotonic())


@pytest.mark.fault("Redis killed (SIGKILL), back with its append-only file")
async def test_a_kill_of_redis_loses_no_acknowledged_message(
    breakable: Breakable, tmp_path: Path, row: EndsWith
) -> None:
    """A write reaches the kernel before its answer. Only a crash of the whole machine could lose the write then."""
    await comes_through(breakable, tmp_path / "log", row, Breakable.kill, Breakable.start)


@pytest.mark.fault("Redis paused (SIGSTOP), half a minute at full length")
async def test_a_pause_of_redis_loses_no_acknowledged_message(
    breakable: Breakable, tmp_path: Path, row: EndsWith
) -> None:
    """Redis executes commands from before the pause after the pause. Facebook redelivers the messages, and each is
    stored once."""
    await comes_through(breakable, tmp_path / "log", row, Breakable.hang, Breakable.go_on)


@pytest.mark.fault("Redis at maxmemory")
async def test_a_full_redis_loses_no_acknowledged_message(breakable: Breakable, tmp_path: Path, row: EndsWith) -> None:
    """Redis stores a whole batch or nothing of it."""
    await comes_through(breakable, tmp_path / "log", row, Breakable.fill_up, Breakable.make_room)


@pytest.mark.fault("Redis forgets its scripts, again and again")
async def test_forgotten_scripts_are_sent_again(breakable: Breakable, tmp_path: Path, row: EndsWith) -> None:
    """No delivery is refused because a script is missing."""
    with breakable.client() as client:
        async with loaded(breakable.url, tmp_path / "log") as (service, load):
            for _ in range(200 if FULL else 20):
                admin(client, "SCRIPT", "FLUSH")
                await load.reach(10)
            refused = {line["reason"] for line in service.lines() if line.get("status") == 503}
            assert refused <= (set() if FULL else {"redis_timeout"}), refused
            await goes_on(service, load, row, time.monotonic())


@pytest.mark.fault("Redis loading its file (LOADING)")
async def test_a_redis_that_loads_its_file_loses_no_acknowledged_message(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path, row: EndsWith
) -> None:
    """While Redis loads its file, it answers every command with an error."""
    with (
        own_server(persistent=True, extra=["--enable-debug-command", "yes"]) as server,
        redis.Redis.from_url(server.url, socket_timeout=120) as client,
    ):
        async with loaded(server.url, tmp_path / "log") as (service, load):
            client.config_set("loading-process-events-interval-bytes", 1024)
            client.config_set("key-load-delay", 10_000)
            loading_it = asyncio.create_task(asyncio.to_thread(admin, client, "DEBUG", "RELOAD"))
            await wait_until(lambda: told_loading(service), within=30)
            await loading_it
            await goes_on(service, load, row, time.monotonic())


def told_loading(service: Service) -> bool:
    """Returns True if a delivery was refused for this reason."""
    return '"redis_loading"' in service.log.read_text()


@pytest.mark.fault("Redis demoted to a replica (READONLY), the way to the new primary open")
async def test_the_service_changes_from_a_demoted_primary_to_the_new_primary(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path, row: EndsWith
) -> None:
    """A name or a proxy leads new connections to the new primary, while old connections stay open."""
    with (
        own_server("old") as old,
        own_server("new") as new,
        redis.Redis.from_url(old.url) as before,
        redis.Redis.from_url(new.url) as after,
    ):
        async with relaying(old.url) as relay, loaded(relay.url, tmp_path / "log") as (service, load):
            before.config_set("bind", "127.0.0.1")
            (port,) = free_ports(1)
            before.config_set("port", port)
            admin(after, "REPLICAOF", "127.0.0.1", port)
            await wait_until(lambda: after.info("replication")["master_link_status"] == "up", within=30)
            admin(before, "CLIENT", "PAUSE", 60_000, "WRITE")  # an orderly change loses nothing on the servers' side
            await wait_until(lambda: offset(before, "master") == offset(after, "slave"), within=30)
            admin(after, "REPLICAOF", "NO", "ONE")
            relay.target = new.url
            admin(before, "REPLICAOF", "127.0.0.1", 1)
            admin(before, "CLIENT", "UNPAUSE")
            await goes_on(service, load, row, time.monotonic())
            assert after.exists("s:{shop-1}")


def offset(client: redis.Redis, role: str) -> int:
    """Returns the position of a server in the replication stream."""
    return int(client.info("replication")[f"{role}_repl_offset"])


@pytest.mark.fault("connections cut in the middle of an answer, then none accepted")
async def test_cut_connections_lose_no_message_and_do_not_cause_a_flood_of_new_connections(
    breakable: Breakable, tmp_path: Path, row: EndsWith
) -> None:
    """A batch is tried twice, so the service attempts at most twice as many connections as it refuses deliveries. In
    addition, a background task looks for Redis."""
    async with relaying(breakable.url) as relay, loaded(relay.url, tmp_path / "log") as (service, load):
        relay.cuts = 0.2
        await wait_until(lambda: relay.cut > (200 if FULL else 15), within=90)
        relay.cuts = 0.0
        before, refused = relay.accepted, load.statuses[503]
        relay.open = False
        relay.drop()
        await lasts(load)
        attempts, refusals = relay.accepted - before, load.statuses[503] - refused
        relay.open = True
        await goes_on(service, load, row, time.monotonic())
    assert attempts <= 2 * refusals + 50 * LASTS_SECONDS, f"{attempts} attempts for {refusals} refusals"
