"""Purges messages: hides them at once and erases them in short steps. Every started purge is completed.

`hide.lua` sets a watermark. In one step, everything stored before the watermark becomes unreadable on every replica,
and everything sent before the watermark is refused. The request is answered only after this step. Then the messages are
erased in steps of a fraction of a millisecond, with pauses, so that other calls wait only a short time. The key
`purges` lists unfinished purges. After a crash, the next start or another replica continues them. A step may run twice,
or at the same time as another step, but each message is erased once.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

import structlog

from cache.errors import PageTaken, Unavailable
from cache.keys import CONVERSATION_TAG_BYTES, PURGES, shop_keys
from cache.messages.reader import IDS_PER_CALL, Reader
from cache.purging.hiding import hide, note_purge
from cache.purging.journal import JournalEntry, PurgeJournal
from cache.purging.receipts import Receipts
from cache.registry.registry import Registry
from cache.scripts import ERASE, STEP, UNINDEX, UNLOG
from cache.server.connection import Arg, Connection, Script
from cache.server.scan import hash_fields
from domain import limits
from domain.ids import ConversationId, MessageId, PageId, PurgeId, ShopId
from domain.purge import PurgeTarget, Receipt
from ops.metrics import Metrics

STEP_MESSAGES: Final = 50
"""Messages erased in one script call. It takes about 0.25 ms, not longer than the read of a list page of messages."""
STEP_ENTRIES: Final = 500
"""Index entries removed in one script call. Removing an entry is a tenth of the work of erasing a message."""
STEP_SECONDS: Final = 0.0017
"""Seconds from one step to the next. So 100,000 messages are erased within four seconds, and the server has most of its
time for other calls. On a server that is too slow for this, the steps have no pause, to finish within five seconds."""
LAG_SECONDS: Final = 0.005
"""Longest delay in seconds that later steps recover by shorter pauses."""
ANSWER_SECONDS: Final = 0.2
"""Seconds that a request waits for the end of the erasing, so that it can answer `complete` instead of `running`."""
RESUME_SECONDS: Final = 5.0
"""Seconds between two searches for purges that no replica works on."""
ABANDONED_SECONDS: Final = 10.0
"""Age of a note in seconds after which no replica works on the purge any more. Two replicas may work on one purge."""
PURGES_LOOKED_AT: Final = 100
"""Unfinished purges that are read together, the oldest notes first. There is rarely more than one."""
NOTE_SECONDS: Final = 2.0
"""Seconds after which a replica renews the note of the purge that it works on."""

RETRY_OPEN: Final = 5
RETRY_FULL: Final = 3600
"""Seconds for `Retry-After`. RETRY_OPEN: some purges have finished. RETRY_FULL: the oldest receipt may have expired."""

log = structlog.get_logger()

Sleep = Callable[[float], Awaitable[None]]


class Purger:
    """Purges messages. Every method raises `Unavailable` when Redis is unavailable.

    A `limited` purge raises `RateReached` when the shop has reached its number of purges (domain/limits.py). Purges by
    an operator or for Facebook are not limited.
    """

    def __init__(
        self,
        connection: Connection,
        shops: Registry,
        reader: Reader,
        receipts: Receipts,
        metrics: Metrics,
        *,
        new_id: Callable[[], str],
        clock: Callable[[], float],
        now: Callable[[], float],
        sleep: Sleep,
        journal: PurgeJournal | None = None,
    ) -> None:
        self._connection = connection
        self._shops = shops
        self._reader = reader
        self._receipts = receipts
        self._metrics = metrics
        self._new_id = new_id
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._journal = journal
        self._erasing: dict[bytes, asyncio.Task[None]] = {}
        self._open: Counter[ShopId] = Counter()
        self._turns: WeakValueDictionary[ShopId, asyncio.Semaphore] = WeakValueDictionary()

    async def purge_shop(self, shop: ShopId, requested_by: str, *, limited: bool = True) -> Receipt:
        """Purge everything of a shop."""
        return await self._purge(shop, "shop", b"", requested_by, limited=limited)

    async def purge_conversation(
        self, shop: ShopId, conversation: ConversationId, requested_by: str, *, limited: bool = True
    ) -> Receipt:
        """Purge all messages between one customer and one Page."""
        tag = shop_keys(shop).conversation_tag(conversation)
        return await self._purge(shop, "conversation", tag, requested_by, limited=limited)

    async def purge_conversations(
        self, shop: ShopId, tags: Sequence[bytes], requested_by: str, *, limited: bool = True
    ) -> Receipt:
        """Purge all conversations with these tags, with one receipt. cache/purging/customers.py makes the tags."""
        return await self._purge(shop, "customer", b"".join(tags), requested_by, limited=limited)

    async def purge_page(
        self, shop: ShopId, page: PageId, requested_by: str, *, without_token: bool = False, limited: bool = True
    ) -> Receipt:
        """Disconnect a Page and purge its messages. With `without_token`, do so only if the Page has no token.

        Raises:
            NotFound: the Page does not belong to this shop.
            PageTaken: the Page has a token, and `without_token` is true.
        """
        claim = await self._shops.claim(shop, page)
        return await self._purge(
            shop, "page", shop_keys(shop).page_tag(page), requested_by, page, claim, without_token, limited=limited
        )

    async def purge_message(self, shop: ShopId, id_: MessageId, requested_by: str, *, limited: bool = True) -> Receipt:
        """Purge one message. If the message arrives later, it is refused."""
        keys = shop_keys(shop)
        purge = PurgeId(self._new_id())
        ids = [*await self._reader.tap_ids(shop, keys, id_), *await self._reader.possible_ids(shop, keys, id_)]
        script_keys = [*keys.of_erase, keys.purge(purge), keys.receipts]
        erased, at = 0, 0
        for first in range(0, max(1, len(ids)), IDS_PER_CALL):
            args: list[Arg] = [keys.hash_tag, requested_by, _most_purges(limited)]
            for id_of_page in ids[first : first + IDS_PER_CALL]:
                args += (id_of_page, b"")
            reply = await self._connection.run(ERASE(script_keys, args), tries=2)
            if reply is None:
                raise _too_many_purges(RETRY_FULL)
            erased, at = erased + int(reply[0]), at or int(reply[1])
        hexadecimal = tuple(id_of_page.hex() for id_of_page in ids)
        await self._write_down(JournalEntry(shop, purge, "message", at, requested_by, ids=hexadecimal, deleted=erased))
        self._metrics.purge("message")
        self._metrics.purged(erased)
        receipt = Receipt(purge, "message", at // 1000, requested_by, complete=True, messages_deleted=erased)
        return self._receipts.signed(shop, receipt)

    async def receipt(self, shop: ShopId, purge: PurgeId) -> Receipt:
        """Returns the state of a purge.

        Raises:
            NotFound: this shop has had no such purge in the last 30 days.
        """
        return await self._receipts.one(shop, purge)

    async def _purge(
        self,
        shop: ShopId,
        what: PurgeTarget,
        tag: bytes,
        by: str,
        page: PageId | None = None,
        claim: str = "",
        without_token: bool = False,
        *,
        limited: bool,
    ) -> Receipt:
        if limited and what != "shop" and self._open[shop] >= limits.OPEN_PURGES:
            raise _too_many_purges(RETRY_OPEN)
        purge = PurgeId(self._new_id())
        job = f"{purge} {shop}".encode()
        # The note comes before the purge. After a crash between the two, `resume` removes the note.
        await self._note(job)
        at = await hide(
            self._connection, shop, purge, what, tag, by,
            page=page or "", claim=claim, without_token=without_token, most=_most_purges(limited),
        )  # fmt: skip
        if at is None or at == b"full":
            await self._connection.command("ZREM", PURGES, job)
            raise PageTaken if at is None else _too_many_purges(RETRY_FULL)
        await self._write_down(
            JournalEntry(shop, purge, what, int(at), by, tag=tag.hex(), page=page or "", claim=claim)
        )
        if page is not None:
            await self._shops.release(shop, page, claim)
        self._metrics.purge(what)
        await asyncio.wait([self._start(job)], timeout=ANSWER_SECONDS)
        return await self.receipt(shop, purge)

    async def _write_down(self, entry: JournalEntry) -> None:
        """Write a purge to the journal, so that it can be repeated when Redis restarts with older data."""
        if self._journal is not None:
            await self._journal.append(entry)

    def _start(self, job: bytes) -> asyncio.Task[None]:
        task = self._erasing.get(job)
        if task is None:
            task = asyncio.create_task(self._erase(job))
            self._erasing[job] = task
            self._open[_shop_of(job)] += 1
            self._metrics.purges_running(len(self._erasing))
            task.add_done_callback(lambda _: self._ended(job))
        return task

    def _ended(self, job: bytes) -> None:
        del self._erasing[job]
        shop = _shop_of(job)
        self._open[shop] -= 1
        if not self._open[shop]:
            del self._open[shop]
        self._metrics.purges_running(len(self._erasing))

    async def _erase(self, job: bytes) -> None:
        shop = _shop_of(job)
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
        shop, purge = _shop_of(job), PurgeId(job.partition(b" ")[0].decode())
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
            done = await self.receipt(shop, purge)
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
                await self._note(job)
            due = max(due + STEP_SECONDS, now - LAG_SECONDS)
            await self._sleep(max(0.0, due - now))

    async def _note(self, job: bytes) -> None:
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
            _ = self._start(job)

    async def _measure_oldest(self) -> None:
        began = []
        for job in await self._connection.command("ZRANGE", PURGES, 0, PURGES_LOOKED_AT - 1):
            receipt = shop_keys(_shop_of(job)).purge(PurgeId(job.partition(b" ")[0].decode()))
            at, complete = await self._connection.command("HMGET", receipt, "at", "complete")
            if at is not None and complete == b"0":
                began.append(int(at) / 1_000_000)
        self._metrics.oldest_purge(max(0.0, self._now() - min(began)) if began else 0.0)

    async def finish(self) -> None:
        """Wait until this process erases nothing."""
        while self._erasing:
            await asyncio.wait(self._erasing.values())

    async def close(self) -> None:
        """Stop erasing. The remaining messages are already hidden, and the next start continues."""
        tasks = list(self._erasing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _shop_of(job: bytes) -> ShopId:
    return ShopId(job.partition(b" ")[2].decode())


def _most_purges(limited: bool) -> int:
    """Returns how many purges the shop may have in 30 days, and 0 for any number."""
    return limits.PURGES_IN_30_DAYS if limited else 0


def _too_many_purges(seconds: int) -> limits.RateReached:
    sentence = "This shop has too many purges; to delete much, delete conversations, or all messages of the shop."
    return limits.RateReached("too_many_purges", sentence, retry_after=seconds)
