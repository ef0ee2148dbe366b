"""The store and the calls of Facebook for the commands of operators. A command also writes to the shop's audit log."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.needed import needed
from app.parts import GraphParts, Store, make_connection, make_replay
from app.version import VERSION
from cache.server.exchange import IN_COMMAND
from domain.audit import AT_THE_STORE, OPERATOR, Access
from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from ops import logs
from ops.metrics import Metrics, process_registry
from ops.settings import read_settings


class NoSuchShop(PageInboxError):
    """Raised when Redis has no data of the shop. The usual cause is a misspelt name."""

    def __init__(self, shop: ShopId) -> None:
        super().__init__("shop_not_found", f"There is no shop {shop} in this Redis.")


@dataclass(frozen=True, slots=True)
class Tools:
    """The store, and the parts that call Facebook."""

    store: Store
    graph: GraphParts

    async def record(self, shop: ShopId, action: str, page: PageId | None = None, *, new: bool = False) -> None:
        """Write an action to the audit log before the action is done. `action` is an operationId of the HTTP API.

        Raises:
            NoSuchShop: Redis has no data of this shop, and `new` is false.
        """
        if not new and not await self.store.shops.known(shop):
            raise NoSuchShop(shop)
        await self.store.audit_log.append(shop, Access(action, OPERATOR, AT_THE_STORE, page))


def check_store() -> None:
    """Check that REDIS_URL is set, which every command needs to reach the store.

    Raises:
        SettingMissing: REDIS_URL is not set.
    """
    needed(read_settings(os.environ, command="tool").redis_url, "REDIS_URL")


def with_tools(work: Callable[[Tools], Awaitable[None]], *, replay: bool = True) -> None:
    """Do the work, which records its actions itself (`Tools.record`).

    If there is a purge journal and `replay` is true, the purges that Redis has lost are repeated before the work.
    """
    settings = read_settings(os.environ, command="tool")

    async def connected() -> None:
        metrics = Metrics(process_registry(), VERSION)
        store = Store(make_connection(settings, IN_COMMAND), metrics, settings)
        graph = GraphParts(store)
        try:
            if replay and (again := make_replay(store)) is not None:
                await again.run()
            await work(Tools(store, graph))
        finally:
            await store.eraser.close()
            await graph.calls.close()
            await store.connection.close()

    logs.configure(sys.stderr.buffer, level="warning")
    asyncio.run(connected())
