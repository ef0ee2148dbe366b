"""Subscriptions to the shops' channels, over one connection to each node of the store.

An announcement never contains a stored message. It is `+` and the time of the shop's newest stored change, or `*` and
sealed live events, which are not stored. If the connection or the node fails, announcements may be lost. So followers
also read the store from time to time. The channels are sharded (SSUBSCRIBE, Redis 7): each channel is in its shop's
slot, so the cluster's other nodes do not get its announcements.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from cache.errors import Unavailable
from cache.keys import NEWS, shop_keys
from cache.server.connection import Connection
from cache.server.dedicated import Dedicated, dedicated, node_of
from domain.ids import ShopId

IDLE_SECONDS: Final = 10.0
"""A node that sends nothing for this time gets a PING. If the node does not answer within the same time, it counts as
lost."""
AGAIN_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 8.0
"""Seconds before the next try to reach a node. The first wait is AGAIN_SECONDS. Each further wait is twice as long, up
to LONGEST_SECONDS."""
LIVE_WAITING: Final = 1000
"""Limit: announcements of one shop that wait for their follower. Above the limit the oldest announcements are dropped,
and cannot be read again."""
LIVE_BYTES: Final = 1024 * 1024
"""Limit: bytes of announcements of one shop that wait. One announcement can have 400 KB: fifty long comments."""

LIVE: Final = b"*"

log = structlog.get_logger()


class ShopSubscription:
    """The announcements of one shop for one follower."""

    def __init__(self, channel: bytes) -> None:
        self.channel = channel
        self.reached = 0
        """The moment up to which its follower has read the store. News of this or an earlier moment is ignored."""
        self._live: deque[bytes] = deque()
        self._live_bytes = 0
        self._announced = asyncio.Event()
        self._confirmed = asyncio.Event()

    def receive(self, announcement: bytes) -> None:
        """Take an announcement that has come."""
        if not announcement.startswith(NEWS):
            self._live.append(announcement[1:])
            self._live_bytes += len(announcement)
            while len(self._live) > LIVE_WAITING or (self._live_bytes > LIVE_BYTES and len(self._live) > 1):
                self._live_bytes -= len(self._live.popleft()) + 1
        elif int(announcement[1:]) <= self.reached:
            return
        self._announced.set()

    def confirm(self) -> None:
        """Mark the subscription as confirmed: from now on every announcement arrives. Earlier announcements may be
        lost."""
        if not self._confirmed.is_set():
            self._confirmed.set()
            self._announced.set()

    def lose(self) -> None:
        """Mark the subscription as lost: no announcement arrives until `confirm` is called."""
        self._confirmed.clear()

    async def confirmed(self, seconds: float) -> None:
        """Return when the subscription is confirmed, at the latest after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._confirmed.wait()

    def take_live(self) -> list[bytes]:
        """Returns the sealed live events that have come since the last call."""
        taken = list(self._live)
        self._live.clear()
        self._live_bytes = 0
        return taken

    async def announced(self, seconds: float) -> None:
        """Return when an announcement has come since the last call, at the latest after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._announced.wait()
        self._announced.clear()


class Announcements:
    """Keeps the subscriptions, in the background."""

    def __init__(self, connection: Connection, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._connection = connection
        self._sleep = sleep
        self._subscriptions: dict[bytes, ShopSubscription] = {}
        self._lines: dict[str, _Line] = {}
        self._changed = asyncio.Event()

    def subscribe(self, shop: ShopId) -> ShopSubscription:
        """Subscribe to a shop. A shop has one subscription at a time."""
        subscription = ShopSubscription(shop_keys(shop).channel)
        self._subscriptions[subscription.channel] = subscription
        self._changed.set()
        return subscription

    def unsubscribe(self, subscription: ShopSubscription) -> None:
        """End a subscription."""
        if self._subscriptions.get(subscription.channel) is subscription:
            del self._subscriptions[subscription.channel]
            self._changed.set()

    async def run(self) -> None:
        """Keep a connection to every node that has a shop with a subscription, until cancelled."""
        wait = AGAIN_SECONDS
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                ended = self._drop_ended()
                if any(any(line.channels.values()) for line in ended):
                    wait = AGAIN_SECONDS  # this connection worked before it ended
                if ended:
                    await self._sleep(wait)
                    wait = min(2 * wait, LONGEST_SECONDS)
                await self._tend()
        finally:
            lines, self._lines = list(self._lines.values()), {}
            for line in lines:
                line.task.cancel()
            await asyncio.gather(*(line.task for line in lines), return_exceptions=True)

    def _drop_ended(self) -> "list[_Line]":
        ended = {node: line for node, line in self._lines.items() if line.task.done()}
        for node, line in ended.items():
            del self._lines[node]
            for channel in line.channels.keys() & self._subscriptions.keys():
                self._subscriptions[channel].lose()
        return list(ended.values())

    async def _tend(self) -> None:
        """Unsubscribe from channels without a follower, and find a connection for each subscription that has none."""
        taken: set[bytes] = set()
        for line in list(self._lines.values()):
            with suppress(Unavailable):  # the connection has ended; the next iteration opens a new one
                for channel in line.channels.keys() - self._subscriptions.keys():
                    await line.unsubscribe(channel)
            for channel, confirmed in line.channels.items():
                if confirmed and channel in self._subscriptions:
                    self._subscriptions[channel].confirm()
            taken |= line.channels.keys()
        for channel in self._subscriptions.keys() - taken:
            try:
                node = await node_of(self._connection, channel)
            except Unavailable as error:
                log.warning("announcements_lost", reason=error.reason)
                await self._sleep(AGAIN_SECONDS)
                self._changed.set()
                continue
            if node not in self._lines:
                self._lines[node] = _Line(self._connection, node, self._subscriptions, self._changed)
            with suppress(Unavailable):
                await self._lines[node].subscribe(channel)


class _Line:
    """One connection to a node. `channels` has each requested channel, and whether the node has confirmed it. `ended`
    is set when the connection has ended, or the node has dropped a channel because its slot moved.
    """

    def __init__(
        self, connection: Connection, node: str, subscriptions: dict[bytes, ShopSubscription], ended: asyncio.Event
    ) -> None:
        self.channels: dict[bytes, bool] = {}
        self._subscriptions = subscriptions
        self._ended = ended
        self._opened: asyncio.Future[Dedicated] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(connection, node), name="announcements of a node")

    async def subscribe(self, channel: bytes) -> None:
        """Subscribe to a channel. The subscription is confirmed when the node has answered.

        Raises:
            Unavailable: the connection is lost.
        """
        self.channels[channel] = False
        await self._send("SSUBSCRIBE", channel)

    async def unsubscribe(self, channel: bytes) -> None:
        """Leave a channel. Raises as `subscribe` does."""
        del self.channels[channel]
        await self._send("SUNSUBSCRIBE", channel)

    async def _send(self, *words: str | bytes) -> None:
        opened: set[asyncio.Future[Any]] = {self._opened, self.task}
        await asyncio.wait(opened, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            raise Unavailable("redis_unreachable")
        try:
            await self._opened.result().send(*words)
        except Unavailable:
            self.task.cancel()
            raise

    async def _run(self, connection: Connection, node: str) -> None:
        try:
            async with dedicated(connection, node) as line:
                self._opened.set_result(line)
                await self._receive_all(line)
        except Unavailable as error:
            log.warning("announcements_lost", reason=error.reason)
        finally:
            self._ended.set()

    async def _receive_all(self, line: Dedicated) -> None:
        while True:
            reply = await line.receive(IDLE_SECONDS)
            if reply is None:
                await line.send("PING")
                reply = await line.receive(IDLE_SECONDS)
            if reply is None:
                raise Unavailable("redis_timeout")
            if isinstance(reply, list) and len(reply) == 3:
                self._receive(*reply)

    def _receive(self, what: bytes, channel: bytes, data: bytes) -> None:
        subscription = self._subscriptions.get(channel)
        if what == b"smessage" and subscription is not None:
            subscription.receive(data)
        elif what == b"ssubscribe" and channel in self.channels:
            self.channels[channel] = True
            if subscription is not None:
                subscription.confirm()
        elif what == b"sunsubscribe" and self.channels.get(channel):
            # The channel's slot has moved to another node.
            del self.channels[channel]
            if subscription is not None:
                subscription.lose()
            self._ended.set()
