"""The service distinguishes an empty store from a store that has lost all or some of its Pages, on every server."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
import redis

from cache.errors import Unavailable
from cache.keys import mark_keys, page_key, shop_keys
from cache.registry.marks import Marks
from cache.registry.registry import Registry
from cache.sealing import Sealer
from cache.server.address import connect
from domain.ids import PageId, ShopId
from tests.servers import PATIENT, Server

SHOP, PAGE, OTHER = ShopId("sokha"), PageId("104200000000001"), PageId("104200000000002")

Process = tuple[Marks, Registry]


@pytest.fixture
async def processes() -> AsyncIterator[Callable[[str], Callable[[], Process]]]:
    """Returns a function that takes a store's address. Each call of its result makes the marks and the registry of a
    new process.
    """
    async with AsyncExitStack() as stack:
        words = iter("abcdefgh")

        def start(url: str) -> Process:
            connection = connect(url, limits=PATIENT)
            stack.push_async_callback(connection.close)
            marks = Marks(connection, new_word=lambda: next(words))
            return marks, Registry(
                connection, marks, new_claim=lambda: "claim", sealer=Sealer([], new_nonce=bytes), now=int
            )

        yield lambda url: partial(start, url)


@pytest.fixture
def process(store: Server, processes: Callable[[str], Callable[[], Process]]) -> Callable[[], Process]:
    """Returns a function that makes a new process at each call. The test runs on each server in turn, and no Page was
    ever connected on it.
    """
    store.flush()
    return processes(store.url)


async def is_lost(call: Awaitable[object]) -> bool:
    """Returns True if the lookup reports a loss."""
    try:
        await call
    except Unavailable as error:
        return error.reason == "registry_lost"
    return False


async def refused(shops: Registry, page: PageId = PAGE) -> bool:
    """Returns True if the lookup of the Page reports a loss or a shop, and False if no shop has the Page."""
    return await is_lost(shops.owner(page)) or await shops.owner(page) is not None


def holders(store: Server, key: bytes) -> Iterator[redis.Redis]:
    """Yields each node that has the key."""
    return (client for client in store.clients() if client.keys(key))


async def test_a_store_that_never_had_a_page_is_not_a_loss(process: Callable[[], Process]) -> None:
    """A delivery is refused, because the operator may have configured the wrong Redis. Nothing is written. A shop that
    reads its Pages gets an empty list.
    """
    marks, shops = process()
    with pytest.raises(Unavailable) as raised:
        await shops.owner(PAGE)
    assert raised.value.reason == "no_page_connected"
    assert await marks.whole()
    assert (await shops.shop(SHOP)).pages == ()


async def test_a_page_that_is_connected_and_disconnected_is_not_a_loss(process: Callable[[], Process]) -> None:
    """After the disconnect, every process answers that no shop has the Page."""
    _, shops = process()
    await shops.connect(SHOP, PAGE)
    assert not await refused(shops, OTHER)
    await shops.release(SHOP, PAGE, await shops.claim(SHOP, PAGE))
    assert not await refused(shops)
    assert not await refused(process()[1])


async def test_every_process_detects_an_emptied_store_after_one_process_has_detected_it(
    store: Server, process: Callable[[], Process]
) -> None:
    """A process that remembers Pages detects the loss. A process that starts later finds the loss in the first mark.
    Reads of a shop with lost Pages are refused too.
    """
    marks, shops = process()
    await shops.connect(SHOP, PAGE)
    store.flush()
    assert await refused(shops)
    assert not await marks.whole()
    late_marks, late = process()
    assert await refused(late)
    assert not await late_marks.whole()
    for call in (late.shop(SHOP), late.page(SHOP, PAGE), late.claim(SHOP, PAGE), late.require(SHOP)):
        assert await is_lost(call)


async def test_a_page_connected_after_a_loss_is_served_and_the_other_pages_stay_lost(
    store: Server, process: Callable[[], Process]
) -> None:
    """The process that connects the Page may not know of the loss. The other processes still detect the loss, because
    they remember another word of the marks.
    """
    marks, shops = process()
    await shops.connect(SHOP, PAGE)
    store.flush()
    _, ignorant = process()
    await ignorant.connect(SHOP, OTHER)
    assert await shops.owner(OTHER) == SHOP
    assert await refused(shops)
    assert await refused(ignorant)
    assert await shops.owner(OTHER) == SHOP
    assert not await marks.whole()


async def test_restored_data_end_the_loss_in_every_process(store: Server, process: Callable[[], Process]) -> None:
    """The keys come back unchanged, and no process needs a restart."""
    marks, shops = process()
    await shops.connect(SHOP, PAGE)
    kept = {key: client.dump(key) for client in store.clients() for key in client.keys("*")}
    store.flush()
    assert await refused(shops)
    late_marks, late = process()
    assert await refused(late)
    with (
        redis.Redis.from_url(store.nodes[0])
        if len(store.nodes) == 1
        else redis.RedisCluster.from_url(f"redis://{store.url.rpartition('/')[2].partition(',')[0]}") as client
    ):
        for key, value in kept.items():
            client.restore(key, 0, value, replace=True)
    assert await shops.owner(PAGE) == await late.owner(PAGE) == SHOP
    assert await marks.whole()
    assert await late_marks.whole()
    assert not await refused(shops, OTHER)
    assert not await refused(late, OTHER)


async def test_an_accepted_loss_ends_the_refusals_in_every_process(
    store: Server, process: Callable[[], Process]
) -> None:
    """From then on, deliveries for those Pages are counted and dropped."""
    _, shops = process()
    await shops.connect(SHOP, PAGE)
    store.flush()
    assert await refused(shops)
    operator = process()[1]
    assert await operator.accept_loss() == 0
    assert not await refused(shops)
    assert not await refused(process()[1])
    await operator.connect(SHOP, OTHER)
    assert await shops.owner(OTHER) == SHOP


async def test_a_store_without_marks_gets_them_when_a_page_is_found(
    store: Server, process: Callable[[], Process]
) -> None:
    """Such a store needs no migration."""
    _, shops = process()
    await shops.connect(SHOP, PAGE)
    for client in store.clients():
        for key in client.keys("mark:*"):
            client.delete(key)
    _, later = process()
    assert await later.owner(PAGE) == SHOP
    store.flush()
    assert await refused(later)


async def test_an_interrupted_first_write_of_the_marks_is_finished_and_is_not_a_loss(
    store: Server, process: Callable[[], Process]
) -> None:
    """The first mark says that some of the other marks are not written yet."""
    _, shops = process()
    await shops.connect(SHOP, PAGE)
    first = mark_keys(clustered=False)[0]
    for client in store.clients():
        for key in client.keys("mark:*"):
            if key != first:
                client.delete(key)
    (client,) = holders(store, first)
    client.set(first, b"new:a")
    marks, others = process()
    assert not await refused(others, OTHER)
    await others.connect(SHOP, OTHER)
    assert await marks.whole()
    assert sum(len(client.keys("mark:*")) for client in store.clients()) == (1 if len(store.nodes) == 1 else 64)


@pytest.mark.parametrize("empty", range(3))
async def test_every_process_detects_one_empty_node_of_a_cluster_as_a_loss(
    flushed: Callable[[str], Server], processes: Callable[[str], Callable[[], Process]], empty: int
) -> None:
    """A new process detects the loss too, because the other nodes still have their marks. A shop that has lost no key
    is served. After the operator accepts the loss, the service finds the remaining data of a shop again.
    """
    cluster = flushed("cluster")
    cluster.flush()
    process = processes(cluster.url)
    _, shops = process()
    pages = {PageId(f"1042000000{n:05}"): ShopId(f"{n * 7919}-shop") for n in range(24)}
    for page, shop in pages.items():
        await shops.connect(shop, page)
    with redis.Redis.from_url(cluster.nodes[empty]) as client:
        client.flushall()
    claims = {page for page in pages if any(holders(cluster, page_key(page)))}
    records = {page for page, shop in pages.items() if any(holders(cluster, shop_keys(shop).registry))}
    assert claims & records
    assert records - claims
    marks, late = process()
    for page, shop in pages.items():
        if page in claims & records:
            assert await late.owner(page) == shop
        else:
            assert await is_lost(late.owner(page))
    assert not await marks.whole()
    assert await process()[1].accept_loss() == len(records)
    for page in records:
        assert await shops.owner(page) == pages[page]
    assert await shops.owner(PageId("1")) is None
