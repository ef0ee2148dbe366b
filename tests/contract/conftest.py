"""Fixtures of the contract tests: the store as the application builds it, over every supported server."""

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import fakeredis
import orjson
import pytest
from prometheus_client import CollectorRegistry

from api.answers import conversation_json, message_json
from app.parts import Store, make_budgets, make_sweeper, make_timeline, make_writer
from cache import scripts
from cache.graph.budgets import Budgets
from cache.graph.watchlist import Watchlist
from cache.live.timeline import Timeline
from cache.messages.blocks import Blocks
from cache.messages.reader import Reader
from cache.messages.staff_marks import StaffMarks
from cache.messages.sweeper import Sweeper
from cache.messages.vault import ShopSecrets
from cache.messages.writer import Writer
from cache.purging.customers import CustomerPurger
from cache.purging.purge import Purger
from cache.registry.labels import Labels
from cache.registry.registry import Registry
from cache.registry.routes import PageRoute, Routes
from cache.sealing import Sealer
from cache.server.address import connect
from cache.server.connection import Connection, Script
from cache.server.scan import scan_keys
from domain.event import Outcome, Storable
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.message import Message
from domain.query import MessageQuery
from domain.secret import Secret
from ops.metrics import Metrics
from ops.settings import read_settings
from tests import servers
from tests.conftest import STORES
from tests.servers import PATIENT, Server
from tests.service import SEAL_KEY

FIVE_DAYS = 432_000
SHOP, PAGE = ShopId("shop-1"), PageId("104200000000001")


def text(mid: str, words: str = "សួស្តី", **facts: Any) -> Message:
    """Returns a customer's text, sent now or at `sent_at`."""
    known: dict[str, Any] = {
        "page": PAGE,
        "customer": Psid("7000000000000001"),
        "direction": "in",
        "kind": "message",
        "sent_at": int(time.time() * 1000),
        "text": words,
    }
    return Message(id=MessageId(mid), **(known | facts))


class RoutesIn(Routes):
    """Finds the Pages in one shop's record, even if another shop has claimed them."""

    def __init__(self, routes: Routes, shop: ShopId) -> None:
        self._all, self._shop = routes, shop

    async def find(self, page: PageId) -> PageRoute | None:
        """Returns the route of a Page in this shop."""
        return await self._all.find_in(self._shop, page)


@dataclass
class Box:
    """All parts of the store on one connection."""

    connection: Connection
    store: Store
    shops: Registry
    reader: Reader
    purger: Purger
    sweeper: Sweeper
    metrics: Metrics
    sealer: Sealer
    secrets: ShopSecrets
    budgets: Budgets
    watchlist: Watchlist
    customers: CustomerPurger
    blocked: Blocks
    timeline: Timeline
    marks: StaffMarks
    labels: Labels
    writers: dict[ShopId, Writer] = field(default_factory=dict)

    async def put(self, *events: Storable, shop: ShopId = SHOP) -> list[Outcome]:
        """Store messages for Pages of this shop, as the intake does."""
        if shop not in self.writers:
            store = copy.copy(self.store)
            store.routes = RoutesIn(self.store.routes, shop)
            self.writers[shop] = make_writer(store)
        return await self.writers[shop].put(events)

    async def close(self) -> None:
        """Wait until nothing is being stored or erased."""
        for writer in self.writers.values():
            await writer.close()
        await self.store.eraser.close()

    async def read(self, shop: ShopId = SHOP, **query: Any) -> list[dict[str, Any]]:
        """Returns all messages, read page by page."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self.reader.messages(shop, MessageQuery(**({"limit": 100, "cursor": cursor} | query)))
            found += [orjson.loads(message_json(one)) for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def ids(self, shop: ShopId = SHOP, **query: Any) -> list[str]:
        """Returns the ids of all messages, newest first."""
        return [message["id"] for message in await self.read(shop, **query)]

    async def walk_conversations(self, limit: int = 100, page: PageId | None = None) -> list[dict[str, Any]]:
        """Returns all conversations, read page by page."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            slice_ = await self.store.conversations.conversations(SHOP, limit=limit, cursor=cursor, page=page)
            found += [orjson.loads(conversation_json(one)) for one in slice_.items]
            cursor = slice_.next_cursor
            if cursor is None:
                return found

    async def erased(self) -> None:
        """Wait until every purge has finished erasing, and 2 ms more, so that a message sent now is newer than each
        purge.
        """
        await self.store.eraser.finish()
        await asyncio.sleep(0.002)

    async def keys(self) -> list[bytes]:
        """Returns every key of every node."""
        return [key async for keys in scan_keys(self.connection) for key in keys]


def make_box(connection: Connection, ttl: int = FIVE_DAYS, seal_keys: Sequence[Secret] = (SEAL_KEY,)) -> Box:
    """Returns the store as production builds it."""
    keys = ",".join(key.reveal() for key in seal_keys)
    settings = read_settings({"MESSAGE_TTL": str(ttl), "SEAL_KEYS": keys}, command="tool")
    metrics = Metrics(CollectorRegistry())
    store = Store(connection, metrics, settings)
    return Box(
        connection=connection,
        store=store,
        shops=store.shops,
        reader=store.reader,
        purger=store.purger,
        sweeper=make_sweeper(store),
        metrics=metrics,
        sealer=store.sealer,
        secrets=store.secrets,
        budgets=make_budgets(store),
        watchlist=Watchlist(connection),
        customers=store.customers,
        blocked=store.blocked,
        timeline=make_timeline(store),
        marks=store.staff_marks,
        labels=store.labels,
    )


@pytest.fixture(scope="session")
def valkey9(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey 9 for these tests only, because a service of the integration tests would continue the purges that a test
    leaves unfinished.

    The store reaches it as a user who has only the rights that the manifests give.
    """
    with servers.running("contract", tmp_path_factory.mktemp("contract"), extra=servers.RESTING) as server:
        yield servers.for_service_user(server)


def fake_server() -> fakeredis.FakeServer:
    """A fakeredis on which each script lacks its first line. This line says what the script may do when Redis is full,
    and fakeredis does not know such flags.
    """
    server = fakeredis.FakeServer()
    for script in vars(scripts).values():
        if isinstance(script, Script):
            server.script_cache[script.digest.encode()] = script.source.partition("\n")[2].encode()
    return server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of the store on each server. The tests of test_store.py also run on fakeredis. `-k fake` selects only
    these quick runs.
    """
    if "box" in metafunc.fixturenames:
        quick = ("fake",) if metafunc.module.__name__.endswith("test_store") else ()
        metafunc.parametrize("box", (*quick, *STORES), indirect=True)


@pytest.fixture
async def box(request: pytest.FixtureRequest, flushed: Callable[[str], Server]) -> AsyncIterator[Box]:
    """A store with one connected Page, over each server in turn."""
    if request.param == "fake":
        # Protocol 2, because fakeredis sends replies of the old form, which redis-py would misread in pipelines.
        connection = Connection(fakeredis.FakeAsyncRedis(server=fake_server(), protocol=2), limits=PATIENT)
    else:
        connection = connect(flushed(request.param).url, limits=PATIENT)
    made = make_box(connection)
    await made.shops.connect(SHOP, PAGE)
    yield made
    await made.close()
    await connection.close()
