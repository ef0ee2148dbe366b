"""Every key, its expiry time (its deadline), and the list of keys that are permanent. Pure.

One shop's keys share the hash tag `{shop}`, and so one slot of a Redis Cluster: a script may use all of them. The keys
of the watchlist share another slot.

    page:{P}          hash    which shop a Page belongs to                           permanent
    shop:{S}          hash    paused, Pages, sealed tokens, secret, labels, watermark  permanent
    mark:{<n>}        string  that Pages were connected, and are not lost            permanent
    x:{S}             zset    tags of blocked conversations by the time of blocking  permanent
    m:{S}:<id>        string  a message, sealed (cache/messages/vault.py); empty once erased  receipt + TTL
    s:{S}             zset    the shop's message members by stored microsecond       newest deadline in it
    c:{S}:<tag>       zset    the same for one conversation                          newest deadline in it
    v:{S}             zset    Page and conversation tags by activity                 newest deadline in it
    e:{S}             zset    edits that wait for their message                      newest deadline in it
    n:{S}:<tag>       string  staff's mark of a conversation, sealed                 the conversation's
    h:{S}             zset    what was edited, unsent, purged, marked, by microsecond  5 days after the newest
    t:{S}:<hash>      string  the holder of a ticket for a stream                    30 s
    k:{S}             zset    the hashes of the shop's unused tickets, by their end  30 s
    u:{S}:<id>        string  the id of an unsent message, sealed for viewers        the message's
    w:{S}:<tag>       string  a Page's or a conversation's purge watermark           5 days
    j:{S}:<purge>     hash    a purge: its receipt, and how far its erasing is       30 days
    d:{S}             stream  the audit log (cache/audit/log.py)                     entry by entry 90 days
    o:{S}             hash    reads of this hour, counted for the audit log          moved to the log after the hour
    r:{S}             zset    the shop's purges by the microsecond of their request  30 days unwritten
    b:{S}:<tag>       hash    how a Page's calls of Graph are paced and held         end of the hold or pace + 1 min
    f:{S}:<tag>       string  how far a Page's healing is, refused conversations     5 days unwritten
    g:{S}:<tag>       zset    tags of conversations that the healing has finished    5 days unwritten
    hold:app          string  no calls of Graph while this key exists                as Facebook says
    {watch}:due       zset    which Page is looked at next, and when                 30 days unwritten
    {watch}:status    hash    the status of each watched Page                        30 days unwritten
    {watch}:counts    hash    how many Pages there are of each status                30 days unwritten
    {watch}:granted   hash    keyed hash of who granted a Page's token, and when     30 days unwritten
    {watch}:expiring  zset    watched Pages by when their token ends                  30 days unwritten
    {watch}:unhealed  zset    watched Pages by how many conversations are refused    30 days unwritten
    {watch}:beat      string  when any replica was last running                      30 days unwritten
    {watch}:outage    string  when no replica took deliveries                        5 days
    {watch}:spread    string  how far the Pages are made due after an outage         30 days unwritten
    deletion:<code>   hash    a person's deletion request: its time and its open work  90 days
    purges            zset    purges that are still erasing, for any replica         30 days
    probe:{<n>}       string  written to show that a server accepts writes           1 min
    beat:{<n>}:<p>    string  when the process <p> was last here (cache/server/went_back.py)  1 day
    lock:sweeper      string  which replica sweeps now                               seconds
    kept              string  what the last sweep counted                            seconds

Each shop also has a channel, a:{S}. The channel announces that the store has new entries. It also transports live
events, sealed. Live events are not kept (cache/live/announcements.py).

"Unwritten" means: the time begins again at each write. `<id>` and `<tag>` are keyed hashes (BLAKE2b, keyed by the
shop's id), so the keys of messages are short and have the same length for all of Facebook's ids. No key has a NUL
byte, because `redis-cli --cluster import` would cut the key there and lose it. A hash is written with 1 in place of
NUL, which makes the chance of a collision a tenth larger.
"""

from binascii import crc_hqx
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import count
from typing import Final
from urllib.parse import quote, unquote

from domain.ids import ConversationId, MessageId, PageId, PurgeId, ShopId

MAX_TTL_SECONDS: Final = 5 * 24 * 60 * 60
"""Limit: time that a message is kept, from its receipt. This is promised to shops. MESSAGE_TTL can only be shorter."""

TICKET_SECONDS: Final = 30
"""Limit: time to open a stream with its ticket. A browser opens the stream at once."""

PROBE_SECONDS: Final = 60
"""Life of the key that a readiness check writes."""

RECEIPT_SECONDS: Final = 30 * 24 * 60 * 60
"""Limit: time that the receipt of a purge is kept. Long enough to fetch it and keep it elsewhere."""

DELETION_SECONDS: Final = 90 * 24 * 60 * 60
"""Limit: time that a person can look up a deletion request. This is three times as long as for a receipt. Facebook
keeps its own lists of these requests for 60 days."""

PERMANENT: Final[tuple[bytes, ...]] = (b"page:", b"shop:", b"x:", b"mark:")
"""Prefixes of the only keys that never expire: the registry, the blocked conversations, and the marks
(cache/registry/marks.py). Tokens and secrets in the registry are sealed. A block stays until the shop lifts it. These
keys contain no content, and an id of a person only as a keyed hash (docs/adr/0015)."""

AUDIT_SECONDS: Final = 90 * 24 * 60 * 60
"""Limit: time that an entry of the audit log is kept. A purge keeps the entry, because it names no content and no
customer."""

AUDIT_ENTRIES: Final = 20_000
"""Limit: entries of a shop's audit log, the newest. An entry has about 70 bytes, so the log has about 1.4 MB; With the
most, 400 bytes per entry, it has 8 MB. A caller that reads all the time makes 2,160 entries in 90 days. The service
also writes each entry to its own log."""
AUDIT_OPEN: Final = 1_000
"""Limit: kinds of reads that are counted for one shop in an hour. Above this number the counts are written into the log
at once. So a caller with very many addresses cannot fill the hash."""

ID_BYTES: Final = 12
"""96 bits: the chance that two of a million messages of one shop collide is 6e-18. 8 bytes would save 4 per message."""
PAGE_TAG_BYTES: Final = 6
CONVERSATION_TAG_BYTES: Final = 8
"""A shop has few Pages (48 bits are enough) and up to millions of conversations (64 bits)."""

PAGE_TAGS_REMEMBERED: Final = 100
"""Page tags of one shop that are cached: more than a shop has Pages. The number is limited, because requests may name
any Page."""

CACHED_ID_LENGTH: Final = 64
"""Longest id of a shop or Page, in characters, whose keys or tag are cached. Page ids have about 16 characters. The
keys of one shop contain its id fifteen times."""

BEAT: Final = b"beat:"
BEAT_SECONDS: Final = 24 * 60 * 60
"""Life of a beat. A process writes its beat every second. The beat of a process that has ended expires a day later."""

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
"""Life of the record of an outage. Messages that were missed before this time would not be kept."""

SLOTS: Final = 16_384
MARKS: Final = 64
"""Marks of a cluster: one in each 64th of the slots. Every node with 512 slots in a row, a 32nd of all, has a mark."""

SHOP_INDEX: Final = b"s:"
CONVERSATION_INDEX: Final = b"c:"
MESSAGE: Final = b"m:"
AUDIT: Final = b"d:"
AUDIT_READS: Final = b"o:"
PURGE_MARK: Final = b"w:"
UNSENT: Final = b"u:"
STAFF_MARK: Final = b"n:"
BUDGET: Final = b"b:"
HEAL: Final = b"f:"
HEAL_VISITED: Final = b"g:"
CHANNEL: Final = b"a:"

NEWS: Final = b"+"
"""The first byte of an announcement of a newest moment."""


class ShopKeys:
    """The keys of one shop."""

    __slots__ = (
        *("_new_conversation_tag", "_new_id", "_new_page_tag", "_page_tags", "audit", "audit_reads", "blocked"),
        *("changes", "channel", "conversations", "hash_tag", "of_put", "receipts", "registry", "shop_index", "tickets"),
        "waiting_edits",
    )

    def __init__(self, shop: ShopId) -> None:
        # Percent-encoding keeps braces out of the hash tag, so two shops never share a key.
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
        # Each is keyed once: a copy costs half as much as keying again.
        self._new_id = blake2b(digest_size=ID_BYTES, key=hash_key).copy
        self._new_page_tag = blake2b(digest_size=PAGE_TAG_BYTES, key=hash_key).copy
        self._new_conversation_tag = blake2b(digest_size=CONVERSATION_TAG_BYTES, key=hash_key).copy
        self._page_tags: dict[PageId, bytes] = {}

    @property
    def of_erase(self) -> list[bytes]:
        """The keys of `erase.lua`, without those of a receipt."""
        return [self.registry, self.shop_index, self.conversations, self.waiting_edits, self.changes]

    def message_id(self, page: PageId, mid: MessageId) -> bytes:
        """Returns the id under which a message is stored.

        The prefix `m_` of a `mid` is ignored, because some standby copies of a message come without this prefix.
        """
        hashed = self._new_id()
        hashed.update(f"{page}\0{mid.removeprefix('m_')}".encode())
        return _without_nul(hashed.digest())

    def tap_id(self, conversation: ConversationId, title: str, second: int) -> bytes:
        """Returns the id of the tombstone of a tap that came without a message id and was purged.

        Facebook lists such a tap under an id of Facebook's own, with the button's title as text and the time (Unix
        seconds).
        """
        hashed = self._new_id()
        hashed.update(f"tap\0{conversation}\0{second}\0{title}".encode())
        return _without_nul(hashed.digest())

    def page_tag(self, page: PageId) -> bytes:
        """Returns the tag that a Page's messages have."""
        tag = self._page_tags.get(page)
        if tag is None:
            hashed = self._new_page_tag()
            hashed.update(page.encode())
            tag = _without_nul(hashed.digest())
            if len(self._page_tags) < PAGE_TAGS_REMEMBERED and len(page) <= CACHED_ID_LENGTH:
                self._page_tags[page] = tag
        return tag

    def conversation_tag(self, conversation: ConversationId) -> bytes:
        """Returns the tag under which a conversation is indexed."""
        hashed = self._new_conversation_tag()
        hashed.update(conversation.encode())
        return _without_nul(hashed.digest())

    def message(self, id_: bytes) -> bytes:
        """Returns the key of a message's value."""
        return MESSAGE + self.hash_tag + b":" + id_

    def conversation_index(self, tag: bytes) -> bytes:
        """Returns the key of a conversation's index."""
        return CONVERSATION_INDEX + self.hash_tag + b":" + tag

    def staff_mark(self, tag: bytes) -> bytes:
        """Returns the key of the mark that staff have given a conversation."""
        return STAFF_MARK + self.hash_tag + b":" + tag

    def budget(self, page: PageId) -> bytes:
        """Returns the key of a Page's budgets of Graph calls."""
        return BUDGET + self.hash_tag + b":" + self.page_tag(page)

    def heal(self, page: PageId) -> bytes:
        """Returns the key of the progress of a Page's healing."""
        return HEAL + self.hash_tag + b":" + self.page_tag(page)

    def heal_visited(self, page: PageId) -> bytes:
        """Returns the key of the conversations that the healing of a Page has finished."""
        return HEAL_VISITED + self.hash_tag + b":" + self.page_tag(page)

    def ticket(self, hash_: bytes) -> bytes:
        """Returns the key of a ticket for a stream."""
        return b"t:" + self.hash_tag + b":" + _without_nul(hash_)

    def purge(self, purge: PurgeId) -> bytes:
        """Returns the key of a purge's receipt."""
        return b"j:" + self.hash_tag + b":" + purge.encode()


def _without_nul(hash_: bytes) -> bytes:
    return hash_.replace(b"\0", b"\1")


def shop_keys(shop: ShopId) -> ShopKeys:
    """Returns the keys of a shop. The keys of busy shops are cached. Those of a long shop id are not, so the cache has
    at most about 20 MB.
    """
    return _cached_keys(shop) if len(shop) <= CACHED_ID_LENGTH else ShopKeys(shop)


@lru_cache(maxsize=4096)
def _cached_keys(shop: ShopId) -> ShopKeys:
    return ShopKeys(shop)


def page_key(page: PageId) -> bytes:
    """Returns the key that says to which shop a Page belongs."""
    return b"page:{%s}" % quote(page, safe="").encode()


@cache
def probe_keys(*, clustered: bool) -> tuple[bytes, ...]:
    """Returns the keys that a readiness check writes: one key, or in a cluster one key for each part of the slots."""
    marks = mark_keys() if clustered else mark_keys()[:1]
    return tuple(mark.replace(b"mark:", b"probe:") for mark in marks)


def beat_keys(process: str, *, clustered: bool) -> tuple[bytes, ...]:
    """Returns the keys of a process's beat: one key, or in a cluster one key for each part of the slots."""
    marks = mark_keys() if clustered else mark_keys()[:1]
    return tuple(mark.replace(b"mark:", BEAT) + b":" + process.encode() for mark in marks)


def mark_keys() -> tuple[bytes, ...]:
    """Returns the marks (cache/registry/marks.py) in the order of their slots. Outside a cluster the first is enough.

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
    """Returns the key of a person's deletion request. `code` is our own code of letters and digits."""
    return b"deletion:" + code.encode()


def shop_of_key(key: bytes) -> ShopId | None:
    """Returns the shop whose record has this key; None for a key of another kind."""
    if not key.startswith(b"shop:{"):
        return None
    return ShopId(unquote(key[len(b"shop:{") : -1].decode()))


def page_of_key(key: bytes) -> PageId | None:
    """Returns the Page that has this key; None for a key of another kind."""
    if not key.startswith(b"page:{"):
        return None
    return PageId(unquote(key[len(b"page:{") : -1].decode()))
