"""Erases the messages of purges in the background, in short steps. Every started purge is completed.

A step takes a fraction of a millisecond, with a pause after it, so that other calls wait only a short time. The key
`purges` lists unfinished purges. After a crash, the next start or another replica continues them. A step may run twice,
or at the same time as another step, but each message is erased once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakValueDictionary

import structlog

from cache.errors import Unavailable
from cache.keys import CONVERSATION_TAG_BYTES, PURGES, RECEIPT_SECONDS, shop_keys
from cache.purging.receipts import Receipts
from cache.registry.registry import Registry
from cache.scripts import NOTE, STEP, UNINDEX, UNLOG
from cache.server.connection import Arg, Connection, Script
from cache.server.scan import hash_fields
from domain import limits
from domain.ids import PageId, PurgeId, ShopId
from ops.metrics import Metrics

STEP_MESSAGES: Final = 50
"""Messages that one script call erases. The call takes about 0.25 ms, not longer than reading a list page of
messages."""
STEP_ENTRIES: Final = 500
"""Index entries that one script call removes. Removing an entry takes a tenth of the time of erasing a message."""
STEP_SECONDS: Final = 0.0017
"""Seconds from the start of one step to the start of the next. So 100,000 messages are erased within four seconds, and
the server has most of its time for other calls. On a server that is too slow for this, the steps have no pause, to
finish within five seconds."""
LAG_SECONDS: Final = 0.005
"""If a step is late, the next steps have shorter pauses, to make up for at most this many seconds."""
RESUME_SECONDS: Final = 5.0
"""Seconds between two searches for purges that no replica works on."""
ABANDONED_SECONDS: Final = 10.0
"""If the note of a purge is older than this, the replica that worked on the purge seems to have stopped, and another
replica continues the purge. It is harmless if two replicas work on one purge."""
PURGES_LOOKED_AT: Final = 100
"""Unfinished purges that are read together, the oldest notes first. There is rarely more than one unfinished purge."""
NOTE_SECONDS: Final = 2.0
"""Seconds after which a replica renews the note of the purge that it works on."""

log = structlog.get_logger()


def job_of(purge: PurgeId, shop: ShopId) -> bytes:
    """Returns a purge as a member of the key `purges`."""
    return f"{purge} {shop}".encode()


def job_parts(job: bytes) -> tuple[PurgeId, ShopId]:
    """Returns the purge and its shop."""
    purge, _, shop = job.decode().partition(" ")
    return PurgeId(purge), ShopId(shop)


async def note_purge(connection: Connection, job: bytes, moment: int) -> None:
    """Note that a purge has data to erase. `moment` is in Unix seconds. If the note is old, another replica continues
    the purge.

    Raises:
        Unavailable: the note could not be written.
    """
    await connection.run(NOTE([PURGES], [job, moment, RECEIPT_SECONDS]), tries=2)


class Eraser:
    """Erases. `clock` is monotonic, in seconds; `now` returns Unix seconds."""

    def __init__(
        self,
        connection: Connection,
        shops: Registry,
        receipts: Receipts,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._shops = shops
        self._receipts = receipts
        self._metrics = metrics
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._erasing: dict[bytes, asyncio.Task[None]] = {}
        self._turns: WeakValueDictionary[ShopId, asyncio.Semaphore] = WeakValueDictionary()

    def running(self, shop: ShopId) -> int:
        """Returns how many purges of a shop this process is erasing."""
        return sum(job_parts(job)[1] == shop for job in self._erasing)

    def start(self, job: bytes) -> asyncio.Task[None]:
        """Erase the messages of a purge in the background, if this process does not do so already."""
        task = self._erasing.get(job)
        if task is None:
            task = asyncio.create_task(self._erase(job))
            self._erasing[job] = task
            self._metrics.purges_running(len(self._erasing))
            task.add_done_callback(lambda _: self._ended(job))
        return task

    def _ended(self, job: bytes) -> None:
        del self._erasing[job]
        self._metrics.purges_running(len(self._erasing))

    async def _erase(self, job: bytes) -> None:
        _, shop = job_parts(job)
        turns = self._turns.get(shop)
        if turns is None:
            turns = self._turns[shop] = asyncio.Semaphore(limits.ERASING_AT_ONCE)
        try:
            async with turns:
                await self._erase_all(job)
        except Unavailable as error:
            # `resume` continues later, because the note stays until everything is erased.
            log.warning("purge_interrupted", reason=error.reason)

    async def _erase_all(self, job: bytes) -> None:
        purge, shop = job_parts(job)
        keys = shop_keys(shop)
        receipt_key = keys.purge(purge)
        fields = hash_fields(await self._connection.command("HGETALL", receipt_key))
        if fields.get(b"complete") == b"0":
            if b"page" in fields:
                await self._shops.release(shop, PageId(fields[b"page"].decode()), fields[b"claim"].decode())
            what, tag = fields[b"what"].decode(), fields[b"tag"]
            common: list[Arg] = [keys.hash_tag, what, tag, fields[b"at"], STEP_MESSAGES]
            indexes = [keys.shop_index, keys.conversations, keys.waiting_edits, receipt_key]
            if what in {"conversation", "customer"}:
                for at in range(0, len(tag), CONVERSATION_TAG_BYTES):
                    own = tag[at : at + CONVERSATION_TAG_BYTES]
                    args: list[Arg] = [keys.hash_tag, "conversation", own, *common[3:]]
                    await self._walk(job, STEP, [keys.conversation_index(own), *indexes], args)
            else:
                await self._walk(job, STEP, [keys.shop_index, *indexes], common)
                await self._walk(job, UNINDEX, [keys.conversations], [keys.hash_tag, tag, fields[b"at"], STEP_ENTRIES])
            await self._walk(job, UNLOG, [keys.changes], [*common[:4], STEP_ENTRIES])
            await self._walk(job, STEP, [keys.waiting_edits, *indexes], common)
            done = await self._receipts.one(shop, purge)
            self._metrics.purged(done.messages_deleted)
            log.info("purge_complete", shop=shop, purge_id=purge, what=what, messages=done.messages_deleted)
        await self._connection.command("ZREM", PURGES, job)

    async def _walk(self, job: bytes, script: Script, keys: list[bytes], args: list[Arg]) -> None:
        """Call a script until it is done, each time from the position that the last call reached."""
        position, noted = b"-inf", self._clock()
        due = noted
        while position:
            position = await self._connection.run(script(keys, [*args, position]), tries=2)
            now = self._clock()
            if now - noted > NOTE_SECONDS:
                noted = now
                await self.note(job)
            due = max(due + STEP_SECONDS, now - LAG_SECONDS)
            await self._sleep(max(0.0, due - now))

    async def note(self, job: bytes) -> None:
        """Note that this process works on a purge. Raises Unavailable."""
        await note_purge(self._connection, job, int(self._now()))

    async def resume(self) -> None:
        """Continue purges that no replica works on, until the task is cancelled."""
        while True:
            try:
                await self.resume_once()
            except Unavailable as error:
                log.warning("purges_unknown", reason=error.reason)
            await self._sleep(RESUME_SECONDS)

    async def resume_once(self) -> None:
        """Continue the purges that no replica works on, and measure the age of the oldest unfinished purge."""
        await self._measure_oldest()
        before = int(self._now() - ABANDONED_SECONDS)
        command = ("ZRANGE", PURGES, "-inf", before, "BYSCORE", "LIMIT", 0, PURGES_LOOKED_AT)
        for job in await self._connection.command(*command):
            _ = self.start(job)

    async def _measure_oldest(self) -> None:
        began = []
        for job in await self._connection.command("ZRANGE", PURGES, 0, PURGES_LOOKED_AT - 1):
            purge, shop = job_parts(job)
            at, complete = await self._connection.command("HMGET", shop_keys(shop).purge(purge), "at", "complete")
            if at is not None and complete == b"0":
                began.append(int(at) / 1_000_000)
        self._metrics.oldest_purge(max(0.0, self._now() - min(began)) if began else 0.0)

    async def finish(self) -> None:
        """Wait until this process erases nothing."""
        while self._erasing:
            await asyncio.wait(self._erasing.values())

    async def close(self) -> None:
        """Stop erasing. The remaining messages are already hidden. The next start continues to erase them."""
        tasks = list(self._erasing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
