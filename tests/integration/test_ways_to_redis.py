"""Every form of REDIS_URL reaches a server: a stored message can be read there."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from cache.errors import UNREACHED, Unavailable
from cache.server.address import connect
from tests.contract.conftest import PAGE, SHOP, Box, make_box, text
from tests.contract.test_feed import NEVER, following
from tests.servers import PATIENT, Server, free_ports, running_sentinel
from tests.support import wait_until, wait_until_blocking

PASSWORD = "hunter2 &@:/,"


@asynccontextmanager
async def store_at(url: str) -> AsyncIterator[Box]:
    """A store with this URL."""
    made = make_box(connect(url, limits=PATIENT))
    try:
        yield made
    finally:
        await made.close()
        await made.connection.close()


async def stores_and_reads(url: str) -> None:
    """Store a message, read it, announce it to a follower, and walk over the keys."""
    async with store_at(url) as box:
        await box.shops.connect(SHOP, PAGE)
        async with following(box, read_seconds=NEVER) as follower:
            assert await box.put(text("m_1")) == ["stored"]
            await wait_until(lambda: follower.told == [("message", "m_1")])
        assert await box.ids() == ["m_1"]
        await box.sweeper.sweep()


@pytest.fixture
def guarded(own_server: Callable[..., AbstractContextManager[Server]]) -> Iterator[int]:
    """A Valkey on loopback that needs a password. Returns its port."""
    (port,) = free_ports(1)
    with own_server("tcp", extra=["--port", str(port), "--bind", "127.0.0.1"]) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("requirepass", PASSWORD)
        yield port


async def test_a_password_and_a_database_are_taken_from_the_address(guarded: int) -> None:
    await stores_and_reads(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded}/3")
    async with store_at(f"redis://127.0.0.1:{guarded}") as box:
        with pytest.raises(Unavailable) as refusal:
            await box.ids()
    assert PASSWORD not in str(refusal.value)


async def test_the_service_finds_the_primary_through_sentinels(guarded: int, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    configuration = f'sentinel monitor inbox 127.0.0.1 {guarded} 1\nsentinel auth-pass inbox "{PASSWORD}"\n'
    with running_sentinel(tmp_path, port, configuration):
        wait_until_blocking(lambda: _knows_the_primary(port))
        other = free_ports(1)[0]  # no server is there: one of several Sentinels may be down
        secret = quote(PASSWORD, safe="")
        await stores_and_reads(f"redis+sentinel://:{secret}@127.0.0.1:{other},127.0.0.1:{port}/inbox/2")


def _knows_the_primary(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return client.sentinel_get_master_addr_by_name("inbox") is not None
    except redis.ConnectionError:
        return False


async def test_a_cluster_is_found_from_any_of_its_nodes(flushed: Callable[[str], Server]) -> None:
    last = flushed("cluster").url.rpartition(",")[2]
    await stores_and_reads(f"redis+cluster://{last}")


async def test_an_unreachable_server_is_reported_without_its_address() -> None:
    (port,) = free_ports(1)
    for form in ("redis://{}", "redis+cluster://{}", "redis+sentinel://{}/inbox/0"):
        async with store_at(form.format(f"127.0.0.1:{port}")) as box:
            with pytest.raises(Unavailable) as refusal:
                await box.ids()
        assert refusal.value.reason in UNREACHED
        assert str(port) not in str(refusal.value)
