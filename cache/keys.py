"""Every key, every deadline, and the list of keys that are permanent. Pure.

One shop's keys share the hash tag `{shop}` and so one slot of a Redis Cluster: a script may touch all of them. The
keys of the watch share another slot.

    page:{P}          hash    which shop a Page belongs to                           permanent
    shop:{S}          hash    paused, Pages, sealed tokens and secret, watermark     permanent
    mark:{<n>}        string  that Pages were connected, and are not lost            permanent
    x:{S}             zset    tags of the conversations that are blocked, by when    permanent
    m:{S}:<id>        string  a message, sealed (cache/messages/vault.py); empty once erased  receipt + TTL
    s:{S}             zset    the shop's message members by stored microsecond       newest deadline in it
    c:{S}:<tag>       zset    the same for one conversation                          newest deadline in it
    v:{S}             zset    Page and conversation tags by activity                 newest deadline in it
    e:{S}             zset    edits that wait for their message                      newest deadline in it
    h:{S}             zset    what was edited, unsent and purged, by microsecond     5 days after the newest
    t:{S}:<hash>      string  the holder of a ticket for a stream                    30 s
    k:{S}             zset    the hashes of the shop's unused tickets, by their end  30 s
    u:{S}:<id>        string  the id of an unsent message, sealed for viewers        the message's
    w:{S}:<tag>       string  a Page's or a conversation's purge watermark           5 days
    j:{S}:<purge>     hash    a purge: its receipt, and where erasing has got to     30 days
    d:{S}             stream  the audit log (cache/audit/log.py)                     entry by entry 90 days
    o:{S}             hash    reads of this hour, counted for the audit log          moved there after the hour
    r:{S}             zset    the shop's purges by the microsecond of their request  30 days unwritten
    b:{S}:<tag>       hash    how a Page's calls of Graph are paced and held         what it says + 1 min
    f:{S}:<tag>       string  how far a Page's healing is, refused conversations     5 days unwritten
    g:{S}:<tag>       zset    tags of the conversations that it has finished         5 days unwritten
    hold:app          string  no calls of Graph while this is there                  as Facebook says
    {watch}:due       zset    which Page is looked at next, and when                 30 days unwritten
    {watch}:status    hash    what can be expected of each watched Page              30 days unwritten
    {watch}:counts    hash    how many Pages there are of each status                30 days unwritten
    {watch}:granted   hash    keyed hash of who granted a Page's token, and when     30 days unwritten
    {watch}:expiring  zset    watched Pages by when their token ends                  30 days unwritten
    {watch}:unhealed  zset    watched Pages by how many conversations are refused    30 days unwritten
    {watch}:beat      string  last sign of life of any replica                       30 days unwritten
    {watch}:outage    string  when no replica took deliveries                        5 days
    {watch}:spread    string  how far the Pages are made due after an outage         30 days unwritten
    deletion:<code>   hash    a person's deletion request: when, and what it waits for  90 days
    purges            zset    purges that are still erasing, for any replica         30 days
    probe:{<n>}       string  that a server takes writes                             1 min
    beat:{<n>}:<p>    string  when the process <p> was last here (cache/server/went_back.py)  1 day
    lock:sweeper      string  which replica sweeps now                               seconds
    kept              string  what the last sweep counted                            seconds

Each shop also has a channel, a:{S}. It announces that the store has something new, and carries live events, which are
not kept, sealed (cache/live/announcements.py).

`<id>` and `<tag>` are keyed hashes (BLAKE2b, keyed by the shop's id), so that the keys of a message are short and of
one length whatever Facebook's ids look like. No key has a NUL byte: `redis-cli --cluster import` would cut it there and
lose the key. A NUL of a hash is written as 1, which makes the chance of a collision a tenth larger.
"""

from binascii import crc_hqx
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import count
from typing import Final
from urllib.parse import quote, unquote

from domain.ids import ConversationId, MessageId, PageId, PurgeId, ShopId

MAX_TTL_SECONDS: Final = 5 * 24 * 60 * 60
"""Limit: time that a message is kept, from its receipt. The promise to shops; MESSAGE_TTL can only be shorter."""

TICKET_SECONDS: Final = 30
"""Limit: time to open a stream with its ticket. A browser opens it at once."""

PROBE_SECONDS: Final = 60
"""What a readiness check writes."""

RECEIPT_SECONDS: Final = 30 * 24 * 60 * 60
"""Limit: time that the receipt of a purge is kept. Long enough to fetch it and keep it elsewhere."""

DELETION_SECONDS: Final = 90 * 24 * 60 * 60
"""Limit: time that a person can look up a deletion request. Three times as long as a receipt, and longer than the 60
days for which Facebook keeps its own lists of such requests."""

PERMANENT: Final[tuple[bytes, ...]] = (b"page:", b"shop:", b"x:", b"mark:")
"""Prefixes of the only keys without a deadline: the registry, whose tokens and secrets are sealed, what is blocked,
which holds until it is lifted, and the marks (cache/registry/marks.py). They hold no content, and
an id of a person only as a keyed hash (docs/adr/0015)."""

AUDIT_SECONDS: Final = 90 * 24 * 60 * 60
"""Limit: time that an entry of the audit log is kept. A purge leaves it: it holds no content and no customer."""

AUDIT_ENTRIES: Final = 20_000
"""Limit: entries of a shop's audit log, the newest. They have some 70 bytes each and 400 at most: 1.4 MB, and 8 MB. A
reader who never stops makes 2,160 in 90 days. Each entry is a log line too."""
AUDIT_OPEN: Final = 1_000
"""Limit: kinds of reads that are counted for one shop in an hour. A caller with very many addresses fills no hash:
beyond this number the counts are written into the log at once."""

ID_BYTES: Final = 12
"""96 bits: two of a million messages of one shop collide with a chance of 6e-18; eight bytes would save four each."""
PAGE_TAG_BYTES: Final = 6
CONVERSATION_TAG_BYTES: Final = 8
"""A shop has few Pages (48 bits do) and up to millions of conversations (64 bits)."""

PAGE_TAGS_REMEMBERED: Final = 100
"""Of one shop: more Pages than any has, and a bound where a stranger's request may name them."""

CACHED_ID_LENGTH: Final = 64
"""Characters of a shop's or Page's id up to which what is derived from it is cached. Page ids have some 16, and the
keys of one shop contain its id fifteen times."""

BEAT: Final = b"beat:"
BEAT_SECONDS: Final = 24 * 60 * 60
"""A process beats every second. What is left of one that has ended is gone a day later."""

PURGES: Final = b"purges"
SWEEPER_LOCK: Final = b"lock:sweeper"
KEPT: Final = b"kept"

APP_HOLD: Final = b"hold:app"
WATCH_DUE: Final = b"{watch}:due"
WATCH_STATUS: Final = b"{watch}:status"
WATCH_COUNTS: Final = b"{watch}:counts"
WATCH_GRANTED: Final = b"{watch}:granted"
WATCH_EXPIRING: Final = b"{watch}:expiring"
WATCH_UNHEALED: Final = b"{watch}:unhealed"
WATCH_BEAT: Final = b"{watch}:beat"
WATCH_OUTAGE: Final = b"{watch}:outage"
WATCH_SPREAD: Final = b"{watch}:spread"

WATCH_SECONDS: Final = 30 * 24 * 60 * 60
"""Life of the watchlist after its last write. Every Page is checked daily."""
OUTAGE_SECONDS: Final = MAX_TTL_SECONDS
"""What was missed longer ago would not be kept."""

SLOTS: Final = 16_384
MARKS: Final = 64
"""Of a cluster, each in a 64th of the slots: any node that has 512 in a row, a 32nd of the cluster, has one."""

SHOP_INDEX: Final = b"s:"
CONVERSATION_INDEX: Final = b"c:"
MESSAGE: Final = b"m:"
AUDIT: Final = b"d:"
AUDIT_READS: Final = b"o:"
PURGE_MARK: Final = b"w:"
UNSENT: Final = b"u:"
BUDGET: Final = b"b:"
HEAL: Final = b"f:"
HEAL_VISITED: Final = b"g:"
CHANNEL: Final = b"a:"

NEWS: Final = b"+"
"""What an announcement of a newest moment begins with."""


class ShopKeys:
    """The keys of one shop."""

    __slots__ = (
        *("_new_conversation_tag", "_new_id", "_new_page_tag", "_page_tags", "audit", "audit_reads", "blocked"),
        *("changes", "channel", "conversations", "hash_tag", "of_put", "receipts", "registry", "shop_index", "tickets"),
        "waiting_edits",
    )

    def __init__(self, shop: ShopId) -> None:
        # Percent-quoting keeps braces out of the hash tag: two shops can never share a key.
        # keeps: one shop has one slot
        self.hash_tag = b"{%s}" % quote(shop, safe="").encode()
        self.registry = b"shop:" + self.hash_tag
        self.shop_index = SHOP_INDEX + self.hash_tag
        self.conversations = b"v:" + self.hash_tag
        self.audit = AUDIT + self.hash_tag
        self.audit_reads = AUDIT_READS + self.hash_tag
        self.receipts = b"r:" + self.hash_tag
        self.waiting_edits = b"e:" + self.hash_tag
        self.blocked = b"x:" + self.hash_tag
        self.changes = b"h:" + self.hash_tag
        self.channel = CHANNEL + self.hash_tag
        self.tickets = b"k:" + self.hash_tag
        of_writes = (self.registry, self.shop_index, self.conversations, self.waiting_edits)
        self.of_put = (*of_writes, self.blocked, self.changes)
        """The keys of `put.lua`."""
        hash_key = blake2b(shop.encode(), digest_size=32).digest()
        # Keyed once: copying costs half as much as keying again.
        self._new_id = blake2b(digest_size=ID_BYTES, key=hash_key).copy
        self._new_page_tag = blake2b(digest_size=PAGE_TAG_BYTES, key=hash_key).copy
        self._new_conversation_tag = blake2b(digest_size=CONVERSATION_TAG_BYTES, key=hash_key).copy
        self._page_tags: dict[PageId, bytes] = {}

    @property
    def of_erase(self) -> list[bytes]:
        """The keys of `erase.lua`, without a receipt's."""
        return [self.registry, self.shop_index, self.conversations, self.waiting_edits, self.changes]

    def message_id(self, page: PageId, mid: MessageId) -> bytes:
        """What a message is stored under.

        Standby copies have been seen without the `m_` prefix of the same message's `mid`, so the prefix does not count.
        """
        hashed = self._new_id()
        hashed.update(f"{page}\0{mid.removeprefix('m_')}".encode())
        return _without_nul(hashed.digest())

    def tap_id(self, conversation: ConversationId, title: str, second: int) -> bytes:
        """What a purged tap without a message id is kept out under: Facebook lists such a tap under an id of its own,
        with the button's title as text and the time (Unix seconds).
        """
        hashed = self._new_id()
        hashed.update(f"tap\0{conversation}\0{second}\0{title}".encode())
        return _without_nul(hashed.digest())

    def page_tag(self, page: PageId) -> bytes:
        """What marks a Page's messages."""
        tag = self._page_tags.get(page)
        if tag is None:
            hashed = self._new_page_tag()
            hashed.update(page.encode())
            tag = _without_nul(hashed.digest())
            if len(self._page_tags) < PAGE_TAGS_REMEMBERED and len(page) <= CACHED_ID_LENGTH:
                self._page_tags[page] = tag
        return tag

    def conversation_tag(self, conversation: ConversationId) -> bytes:
        """What a conversation is indexed under."""
        hashed = self._new_conversation_tag()
        hashed.update(conversation.encode())
        return _without_nul(hashed.digest())

    def message(self, id_: bytes) -> bytes:
        """The key of a message's value."""
        return MESSAGE + self.hash_tag + b":" + id_

    def conversation_index(self, tag: bytes) -> bytes:
        """The key of a conversation's index."""
        return CONVERSATION_INDEX + self.hash_tag + b":" + tag

    def budget(self, page: PageId) -> bytes:
        """The key of a Page's budgets of Graph."""
        return BUDGET + self.hash_tag + b":" + self.page_tag(page)

    def heal(self, page: PageId) -> bytes:
        """The key of how far a Page's healing is."""
        return HEAL + self.hash_tag + b":" + self.page_tag(page)

    def heal_visited(self, page: PageId) -> bytes:
        """The key of the conversations that the healing of a Page has finished."""
        return HEAL_VISITED + self.hash_tag + b":" + self.page_tag(page)

    def ticket(self, hash_: bytes) -> bytes:
        """The key of a ticket for a stream."""
        return b"t:" + self.hash_tag + b":" + _without_nul(hash_)

    def purge(self, purge: PurgeId) -> bytes:
        """The key of a purge's receipt."""
        return b"j:" + self.hash_tag + b":" + purge.encode()


def _without_nul(hash_: bytes) -> bytes:
    return hash_.replace(b"\0", b"\1")


def shop_keys(shop: ShopId) -> ShopKeys:
    """The keys of a shop, cached for the shops that are busy. A long shop id is not cached: the cache is bounded in
    bytes too, some 20 MB.
    """
    return _cached_keys(shop) if len(shop) <= CACHED_ID_LENGTH else ShopKeys(shop)


@lru_cache(maxsize=4096)
def _cached_keys(shop: ShopId) -> ShopKeys:
    return ShopKeys(shop)


def page_key(page: PageId) -> bytes:
    """Which shop a Page belongs to."""
    return b"page:{%s}" % quote(page, safe="").encode()


@cache
def probe_keys(*, clustered: bool) -> tuple[bytes, ...]:
    """What a readiness check writes: one key, in a cluster one key for each part of the slots."""
    marks = mark_keys() if clustered else mark_keys()[:1]
    return tuple(mark.replace(b"mark:", b"probe:") for mark in marks)


def beat_keys(process: str, *, clustered: bool) -> tuple[bytes, ...]:
    """Where a process writes that it is here: one key, in a cluster one key for each part of the slots."""
    marks = mark_keys() if clustered else mark_keys()[:1]
    return tuple(mark.replace(b"mark:", BEAT) + b":" + process.encode() for mark in marks)


def mark_keys() -> tuple[bytes, ...]:
    """The marks (cache/registry/marks.py) in the order of their slots. Outside a cluster the first is enough.

    A key's slot is the CRC-16 of its hash tag (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
    """
    found: dict[int, bytes] = {}
    for number in count():
        tag = str(number).encode()
        _ = found.setdefault(crc_hqx(tag, 0) % SLOTS * MARKS // SLOTS, b"mark:{%s}" % tag)
        if len(found) == MARKS:
            break
    return tuple(found[part] for part in range(MARKS))


def deletion_key(code: str) -> bytes:
    """What a person's deletion request is noted under; `code` is ours, letters and digits."""
    return b"deletion:" + code.encode()


def shop_of_key(key: bytes) -> ShopId | None:
    """The shop whose record this is; None for a key of another kind."""
    if not key.startswith(b"shop:{"):
        return None
    return ShopId(unquote(key[len(b"shop:{") : -1].decode()))


def page_of_key(key: bytes) -> PageId | None:
    """The Page whose key this is; None for a key of another kind."""
    if not key.startswith(b"page:{"):
        return None
    return PageId(unquote(key[len(b"page:{") : -1].decode()))
