"""Hearing of what is announced: one connection to each node of the store, whatever the number of shops.

An announcement holds nothing that is kept: `+` and the newest moment in a shop's stored time, or `*` and what is told
live, sealed. One may be lost, with the connection or the node; who listens reads the store now and then all the same.
Sharded channels (SSUBSCRIBE, Redis 7) stay in their shop's slot: in a cluster no other node hears of them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from cache.errors import Unavailable
from cache.keys import NEWS, shop_keys
from cache.server.connection import Connection, Dedicated
from domain.ids import ShopId

IDLE_SECONDS: Final = 10.0
"""A node that has been silent for so long is asked whether it is there; after as long again it is not."""
AGAIN_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 8.0
"""Before the next try where a node is not to be had; each wait is twice the last, up to the longest."""
LIVE_WAITING: Final = 1000
"""Live happenings of one shop that wait to be handed on; the oldest are dropped, they are nowhere kept anyway."""

LIVE: Final = b"*"

log = structlog.get_logger()


class Ear:
    """What one follower of a shop hears."""

    def __init__(self, channel: bytes) -> None:
        self.channel = channel
        self.reached = 0
        """What its follower has read up to: news of that is none."""
        self.live: deque[bytes] = deque(maxlen=LIVE_WAITING)
        self._heard = asyncio.Event()
        self._listening = asyncio.Event()

    def hear(self, announcement: bytes) -> None:
        """Something is announced."""
        if not announcement.startswith(NEWS):
            self.live.append(announcement[1:])
        elif int(announcement[1:]) <= self.reached:
            return
        self._heard.set()

    def confirm(self) -> None:
        """From now on everything is heard; something may have been missed before."""
        if not self._listening.is_set():
            self._listening.set()
            self._heard.set()

    def lose(self) -> None:
        """From now on nothing is heard until `confirm`."""
        self._listening.clear()

    async def listening(self, seconds: float) -> None:
        """Return when everything is heard, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._listening.wait()

    def take_live(self) -> list[bytes]:
        """What was told live since the last time."""
        taken = list(self.live)
        self.live.clear()
        return taken

    async def heard(self, seconds: float) -> None:
        """Return when something was heard since the last time, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        self._heard.clear()


class Announcements:
    """Listens for shops, in the background."""

    def __init__(self, connection: Connection, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._connection = connection
        self._sleep = sleep
        self._ears: dict[bytes, Ear] = {}
        self._lines: dict[str, _Line] = {}
        self._changed = asyncio.Event()

    def listen(self, shop: ShopId) -> Ear:
        """Listen for a shop. One ear at a time hears a shop."""
        ear = Ear(shop_keys(shop).channel)
        self._ears[ear.channel] = ear
        self._changed.set()
        return ear

    def forget(self, ear: Ear) -> None:
        """Listen for it no more."""
        if self._ears.get(ear.channel) is ear:
            del self._ears[ear.channel]
            self._changed.set()

    async def run(self) -> None:
        """Keep a line to every node that has a shop somebody listens for, until cancelled."""
        wait = AGAIN_SECONDS
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                ended = self._drop_ended()
                if any(any(line.channels.values()) for line in ended):
                    wait = AGAIN_SECONDS  # it had been good for something
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
            for channel in line.channels.keys() & self._ears.keys():
                self._ears[channel].lose()
        return list(ended.values())

    async def _tend(self) -> None:
        """Leave channels that nobody wants any more, and find a line for each that somebody wants."""
        taken: set[bytes] = set()
        for line in list(self._lines.values()):
            with suppress(Unavailable):  # it has ended, and is looked after in the next turn
                for channel in line.channels.keys() - self._ears.keys():
                    await line.unsubscribe(channel)
            for channel, confirmed in line.channels.items():
                if confirmed and channel in self._ears:
                    self._ears[channel].confirm()
            taken |= line.channels.keys()
        for channel in self._ears.keys() - taken:
            try:
                node = await self._connection.node_of(channel)
            except Unavailable as error:
                log.warning("announcements_lost", reason=error.reason)
                await self._sleep(AGAIN_SECONDS)
                self._changed.set()
                continue
            if node not in self._lines:
                self._lines[node] = _Line(self._connection, node, self._ears, self._changed)
            with suppress(Unavailable):
                await self._lines[node].subscribe(channel)


class _Line:
    """One connection to a node, and the channels on it: those that were asked for, and whether the node has confirmed.
    `ended` is set when it is to be looked after.
    """

    def __init__(self, connection: Connection, node: str, ears: dict[bytes, Ear], ended: asyncio.Event) -> None:
        self.channels: dict[bytes, bool] = {}
        self._ears = ears
        self._ended = ended
        self._opened: asyncio.Future[Dedicated] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(connection, node), name="announcements of a node")

    async def subscribe(self, channel: bytes) -> None:
        """Ask for a channel; its ear is told when the node has confirmed.

        Raises:
            Unavailable: the line is lost.
        """
        self.channels[channel] = False
        await self._say("SSUBSCRIBE", channel)

    async def unsubscribe(self, channel: bytes) -> None:
        """Ask to hear no more of it. Raises as `subscribe` does."""
        del self.channels[channel]
        await self._say("SUNSUBSCRIBE", channel)

    async def _say(self, *words: str | bytes) -> None:
        opened: set[asyncio.Future[Any]] = {self._opened, self.task}
        await asyncio.wait(opened, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            raise Unavailable("redis_unreachable")
        try:
            await self._opened.result().say(*words)
        except Unavailable:
            self.task.cancel()
            raise

    async def _run(self, connection: Connection, node: str) -> None:
        try:
            async with connection.dedicated(node) as line:
                self._opened.set_result(line)
                await self._listen(line)
        except Unavailable as error:
            log.warning("announcements_lost", reason=error.reason)
        finally:
            self._ended.set()

    async def _listen(self, line: Dedicated) -> None:
        while True:
            reply = await line.hear(IDLE_SECONDS)
            if reply is None:
                await line.say("PING")
                reply = await line.hear(IDLE_SECONDS)
            if reply is None:
                raise Unavailable("redis_timeout")
            if isinstance(reply, list) and len(reply) == 3:
                self._hear(*reply)

    def _hear(self, what: bytes, channel: bytes, data: bytes) -> None:
        ear = self._ears.get(channel)
        if what == b"smessage" and ear is not None:
            ear.hear(data)
        elif what == b"ssubscribe" and channel in self.channels:
            self.channels[channel] = True
            if ear is not None:
                ear.confirm()
        elif what == b"sunsubscribe" and self.channels.get(channel):
            # Its slot has moved to another node.
            del self.channels[channel]
            if ear is not None:
                ear.lose()
            self._ended.set()
