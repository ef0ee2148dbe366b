"""What an operator's command works with: the store and Facebook, directly, and a note of it in the shop's audit log."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.parts import GraphParts, Store, make_connection, make_graph, make_replay, make_store, needed
from app.version import VERSION
from domain.audit import AT_THE_STORE, OPERATOR, Access
from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from ops import logs
from ops.metrics import Metrics, process_registry
from ops.settings import read_settings


class NoSuchShop(PageInboxError):
    """A shop that a command is asked about, mostly a misspelt one."""

    def __init__(self, shop: ShopId) -> None:
        super().__init__("shop_not_found", f"There is no shop {shop} in this Redis.")


@dataclass(frozen=True, slots=True)
class Tools:
    """The store, and the way to Facebook."""

    store: Store
    graph: GraphParts

    async def record(self, shop: ShopId, action: str, page: PageId | None = None, *, new: bool = False) -> None:
        """Call it before it is done: `action` is the operationId of the call that does the same over HTTP.

        Raises:
            NoSuchShop: nothing was ever written of this shop, and the action is not one for a `new` shop.
        """
        if not new and not await self.store.shops.known(shop):
            raise NoSuchShop(shop)
        await self.store.audit_log.append(shop, Access(action, OPERATOR, AT_THE_STORE, page))


def check_store() -> None:
    """Return when the settings are there without which no command reaches the store.

    Raises:
        SettingMissing: one of them is not.
    """
    needed(read_settings(os.environ, command="tool").redis_url, "REDIS_URL")


def with_tools(
    work: Callable[[Tools], Awaitable[None]],
    shop: ShopId | None = None,
    action: str = "",
    page: PageId | None = None,
    *,
    replay: bool = True,
) -> None:
    """Record what is asked for, then do it. Work for several shops is given none here, and records each by itself.

    With a journal of purges, those that Redis does not know are done again first, unless `replay` is false.
    """
    settings = read_settings(os.environ, command="tool")

    async def connected() -> None:
        metrics = Metrics(process_registry(), version=VERSION)
        store = make_store(make_connection(settings), metrics, settings)
        graph = make_graph(store, metrics, settings)
        try:
            tools = Tools(store, graph)
            if replay and (again := make_replay(store)) is not None:
                await again.run()
            if shop is not None:
                await tools.record(shop, action, page)
            await work(tools)
        finally:
            await store.purger.close()
            await graph.calls.close()
            await store.connection.close()

    logs.configure(sys.stderr.buffer, level="warning")
    asyncio.run(connected())
