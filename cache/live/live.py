"""Sends live events (reactions, typing and others that are never kept) to the viewers of all replicas.

Live events are sent over the shop's channel (cache/live/announcements.py). They are sealed, so the network traffic does
not show them. An event is sent after its delivery is answered, and only if the channel has a subscriber. If Redis is
slow or unreachable, or there are too many events, the event is dropped and counted.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import orjson
import structlog

from cache.errors import SealBroken, SealKeysMissing, Unavailable
from cache.keys import shop_keys
from cache.live.announcements import LIVE
from cache.registry.registry import Registry
from cache.scripts import ANNOUNCE, LISTENERS
from cache.sealing import Sealer
from cache.server.connection import Arg, Connection
from domain.event import Notice
from domain.ids import PageId, ShopId
from domain.stream import StreamEvent
from ops.metrics import Metrics

WAITING: Final = 2_000
"""The maximum number of notices that wait to be sent. Above it, new notices are dropped."""
AT_ONCE: Final = 50
"""Notices that are sent together."""
OWNERS_REMEMBERED: Final = 10_000
PURPOSE: Final = "live-notice"
"""An earlier release has another text here, so this release and the earlier one cannot decrypt each other's events."""

log = structlog.get_logger()


class Live:
    """Sends live events, in the background."""

    def __init__(self, connection: Connection, shops: Registry, sealer: Sealer, metrics: Metrics) -> None:
        self._connection = connection
        self._registry = shops
        self._sealer = sealer
        self._metrics = metrics
        self._waiting: deque[Notice] = deque()
        self._wake = asyncio.Event()
        self._shops: dict[PageId, ShopId] = {}

    def send_soon(self, notices: Sequence[Notice], /) -> None:
        """Queue notices to be sent. Returns at once."""
        room = WAITING - len(self._waiting)
        self._waiting.extend(notices[:room])
        self._metrics.live_notice("dropped", max(0, len(notices) - room))
        self._wake.set()

    async def run(self) -> None:
        """Send the queued notices, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                notices = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                try:
                    await self._send(notices)
                except (Unavailable, SealKeysMissing) as error:
                    log.warning("live_dropped", reason=error.reason)
                    self._metrics.live_notice("dropped", len(notices))

    async def _send(self, notices: list[Notice]) -> None:
        by_shop: dict[ShopId, list[Notice]] = {}
        for notice in notices:
            shop = await self._shop(notice.page)
            if shop is None:
                self._metrics.live_notice("unknown_page")
            else:
                by_shop.setdefault(shop, []).append(notice)
        for shop, own in by_shop.items():
            await self._send_to_shop(shop, own)

    async def _send_to_shop(self, shop: ShopId, notices: list[Notice]) -> None:
        keys = shop_keys(shop)
        args: list[Arg] = []
        for notice in notices:
            tag = b"" if notice.conversation is None else keys.conversation_tag(notice.conversation)
            args += (notice.page, tag)
        answers = await self._connection.run(LISTENERS([keys.registry, keys.blocked, keys.channel], args), tries=2)
        if not answers:
            self._metrics.live_notice("nobody_listens", len(notices))
            return
        packed = []
        for notice, answer in zip(notices, answers.decode(), strict=True):
            if answer == "1":
                packed.append(_packed(notice))
            else:
                self._metrics.live_notice("refused")
                if answer == "u":
                    self._shops.pop(notice.page, None)
        if packed:
            sealed = self._sealer.seal(orjson.dumps(packed), shop=shop, purpose=PURPOSE, place="")
            await self._connection.run(ANNOUNCE([keys.channel], [LIVE + sealed]))
            self._metrics.live_notice("told", len(packed))

    async def _shop(self, page: PageId) -> ShopId | None:
        """Returns the shop of a Page. The shop of a found Page is remembered until a call finds that the Page is not in
        the shop's record any more."""
        shop = self._shops.get(page)
        if shop is None:
            shop = await self._registry.owner(page)
            if shop is not None:
                if len(self._shops) >= OWNERS_REMEMBERED:
                    self._shops.pop(next(iter(self._shops)))
                self._shops[page] = shop
        return shop


def read_live(sealer: Sealer, shop: ShopId, announcements: Sequence[bytes]) -> list[StreamEvent]:
    """Returns the live events in announcements. An announcement that cannot be decrypted is logged and left out."""
    events = []
    for sealed in announcements:
        try:
            packed = orjson.loads(sealer.open(sealed, shop=shop, purpose=PURPOSE, place=""))
        except SealBroken:
            log.warning("live_unreadable", shop=shop)
            continue
        events += [StreamEvent("live", Notice(*one)) for one in packed]
    return events


def _packed(notice: Notice) -> list[Any]:
    return [notice.kind, notice.page, notice.conversation, notice.sent_at, notice.facts]
