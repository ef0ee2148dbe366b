"""Every key of the store: its type, its content and when it expires. Pure.

`{S}` is the shop's id, `{P}` a Page's id. All keys of a shop have the hash tag `{S}`, so they share one slot of a Redis
Cluster, and one script can use all of them. The keys of the watchlist share another slot.

    page:{P}          hash   the shop that owns the Page, and the id of its claim       permanent
    shop:{S}          hash   a shop: Pages, tokens, secret, labels, pause, watermark    permanent
    mark:{<n>}        string shows that Pages were connected and are not lost           permanent
    x:{S}             zset   tags of blocked conversations, by the time of the block    permanent
    m:{S}:<id>        string a message, sealed; empty after it is erased                TTL after its receipt
    s:{S}             zset   the shop's messages, by the microsecond of storing         end of its newest message
    c:{S}:<tag>       zset   a conversation's messages, by the microsecond of storing   end of its newest message
    v:{S}             zset   the shop's conversations, by their last activity           end of its newest message
    e:{S}             zset   edits that wait for their message, by their arrival        end of its newest edit
    n:{S}:<tag>       string the mark that staff gave a conversation, sealed            as the conversation
    h:{S}             zset   edits, unsends, purges and marks, by microsecond           5 days after the last write
    t:{S}:<hash>      string who may use a ticket for a stream                          30 s
    k:{S}             zset   hashes of the shop's unused tickets, by their end          30 s after the last write
    u:{S}:<id>        string the id of an unsent message, sealed, for viewers           as the message
    w:{S}:<tag>       string the purge watermark of a Page or a conversation            5 days after the last write
    j:{S}:<purge>     hash   a purge: its receipt, and what is left to erase            30 days
    d:{S}             stream the audit log (cache/audit/log.py)                         90 days for each entry
    o:{S}             hash   counts of reads that are not in the audit log yet          moved to the log each hour
    r:{S}             zset   the shop's purges, by the microsecond of the request       30 days after the last write
    b:{S}:<tag>       hash   pace of a Page's Graph calls, and the end of a hold        1 min after the calls may go on
    f:{S}:<tag>       string the progress of a Page's healing                           5 days after the last write
    g:{S}:<tag>       zset   tags of the conversations that this healing has finished   5 days after the last write
    hold:app          string stops all Graph calls while it exists                      as Facebook says
    {watch}:due       zset   watched Pages, by the time of their next check             30 days after the last write
    {watch}:status    hash   the status of each watched Page                            30 days after the last write
    {watch}:counts    hash   the number of watched Pages for each status                30 days after the last write
    {watch}:granted   hash   who granted each Page's token (a keyed hash), and when     30 days after the last write
    {watch}:expiring  zset   watched Pages, by the time when their token ends           30 days after the last write
    {watch}:unhealed  zset   watched Pages, by their number of refused conversations    30 days after the last write
    {watch}:beat      string the last time when any replica was running                 30 days after the last write
    {watch}:outage    string the beginning and the end of the last outage               5 days
    {watch}:spread    string how far the checks after an outage are spread               30 days after the last write
    deletion:<code>   hash   a person's deletion request: its time, its open purges     90 days
    purges            zset   purges with messages left to erase, for any replica        30 days after the last write
    probe:{<n>}       string shows that a server accepts writes                         1 min
    beat:{<n>}:<p>    string the last time when process <p> was running                 1 day
    lock:sweeper      string held by the replica that sweeps                            27 s
    kept              string the counts of the last sweep                               2 min

Each shop also has a channel, a:{S}. The channel announces that the store has new entries. It also transports live
events, sealed. Live events are not kept (cache/live/announcements.py).

`<id>` and `<tag>` are keyed hashes (BLAKE2b, keyed by the shop's id), so the keys of messages are short and have the
same length for all of Facebook's ids. No key has a NUL byte, because `redis-cli --cluster import` would cut the key
there and lose it. So each byte 0 in a hash is replaced by a byte 1, which makes a collision a tenth more likely.
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
"""Limit: time that the receipt of a purge is kept. This is long enough to fetch the receipt and keep it elsewhere."""

DELETION_SECONDS: Final = 90 * 24 * 60 * 60
"""Limit: time in which a person can look up a deletion request. This is three times as long as for a receipt. Facebook
keeps its own lists of these requests for 60 days."""

PAGE: Final = b"page:"
SHOP: Final = b"shop:"
MARK: Final = b"mark:"
BLOCKED: Final = b"x:"
PERMANENT: Final = (PAGE, SHOP, BLOCKED, MARK)
"""Prefixes of the only keys that never expire: the registry, the blocked conversations, and the marks
(cache/registry/marks.py). Tokens and secrets in the registry are sealed. A block stays until the shop lifts it. These
keys contain no content. They contain ids of persons only as keyed hashes (docs/adr/0015)."""

AUDIT_SECONDS: Final = 90 * 24 * 60 * 60
"""Limit: time that an entry of the audit log is kept. A purge does not delete entries, because an entry names no
content and no customer."""

AUDIT_ENTRIES: Final = 20_000
"""Limit: entries of a shop's audit log; older entries are removed. A usual entry has about 70 bytes, so the log has
about 1.4 MB. With the largest entries (400 bytes) it has 8 MB. A caller that reads all the time makes one entry per
hour: 2,160 in 90 days. The service also writes each entry to its own log."""
AUDIT_OPEN: Final = 1_000
"""Limit: kinds of reads that are counted for one shop in an hour. Above this number the counts are written into the log
at once. So a caller with very many addresses cannot make the key `o:{S}` large."""

ID_BYTES: Final = 12
"""96 bits: the chance that two of a million messages of one shop collide is 6e-18. Ids of 8 bytes would save 15 bytes
of memory per message (docs/adr/0002)."""
PAGE_TAG_BYTES: Final = 6
CONVERSATION_TAG_BYTES: Final = 8
"""A shop has few Pages (48 bits are enough) and up to millions of conversations (64 bits)."""

PAGE_TAGS_REMEMBERED: Final = 100
"""Page tags of one shop that are cached: as many as a shop can have Pages. The number is limited, because requests
may name any Page."""

CACHED_ID_LENGTH: Final = 64
"""Keys and tags are cached only for ids up to this number of characters. Page ids have about 16 characters. The keys of
a shop contain its id many times."""

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
"""Life of the record of an outage. Messages that were missed earlier have expired."""

SLOTS: Final = 16_384
MARKS: Final = 64
"""Number of marks of a cluster. The slots are divided into 64 equal parts, and each part has one mark. So a node with
512 slots in a row has at least one mark."""

RECEIPTS: Final = b"r:"
PURGE: Final = b"j:"
DELETION: Final = b"deletion:"
PROBE: Final = b"probe:"
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
"""An announcement with this first byte says: the shop has new entries up to this time."""


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
        self.registry = SHOP + self.hash_tag
        self.shop_index = SHOP_INDEX + self.hash_tag
        self.conversations = b"v:" + self.hash_tag
        self.audit = AUDIT + self.hash_tag
        self.audit_reads = AUDIT_READS + self.hash_tag
        self.receipts = RECEIPTS + self.hash_tag
        self.waiting_edits = b"e:" + self.hash_tag
        self.blocked = BLOCKED + self.hash_tag
        self.changes = b"h:" + self.hash_tag
        self.channel = CHANNEL + self.hash_tag
        self.tickets = b"k:" + self.hash_tag
        of_writes = (self.registry, self.shop_index, self.conversations, self.waiting_edits)
        self.of_put = (*of_writes, self.blocked, self.changes)
        """The keys of `put.lua`."""
        hash_key = blake2b(shop.encode(), digest_size=32).digest()
        # Each hasher gets its key once and is copied for each use. A copy takes half as much CPU time as a new hasher.
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
        """Returns the id of the tombstone of a purged tap that came without a message id.

        Facebook lists such a tap under an id of Facebook's own, with the button's title as text and the time of the tap
        (Unix seconds).
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
        return PURGE + self.hash_tag + b":" + purge.encode()


def _without_nul(hash_: bytes) -> bytes:
    return hash_.replace(b"\0", b"\1")


def shop_keys(shop: ShopId) -> ShopKeys:
    """Returns the keys of a shop. The keys of busy shops are cached. The keys of a shop with a long id are not cached,
    so the cache has at most about 20 MB.
    """
    return _cached_keys(shop) if len(shop) <= CACHED_ID_LENGTH else ShopKeys(shop)


@lru_cache(maxsize=4096)
def _cached_keys(shop: ShopId) -> ShopKeys:
    return ShopKeys(shop)


def page_key(page: PageId) -> bytes:
    """Returns the key that says to which shop a Page belongs."""
    return PAGE + b"{%s}" % quote(page, safe="").encode()


def mark_keys(*, clustered: bool) -> tuple[bytes, ...]:
    """Returns the marks (cache/registry/marks.py): one key, or in a cluster one key for each part of the slots."""
    return tuple(MARK + tag for tag in _tags(clustered=clustered))


def probe_keys(*, clustered: bool) -> tuple[bytes, ...]:
    """Returns the keys that a readiness check writes, in the slots of the marks."""
    return tuple(PROBE + tag for tag in _tags(clustered=clustered))


def beat_keys(process: str, *, clustered: bool) -> tuple[bytes, ...]:
    """Returns the keys of a process's beat, in the slots of the marks."""
    return tuple(BEAT + tag + b":" + process.encode() for tag in _tags(clustered=clustered))


@cache
def _tags(*, clustered: bool) -> tuple[bytes, ...]:
    """Returns one hash tag, or in a cluster one hash tag for each part of the slots, in the order of the parts.

    A key's slot is the CRC-16 of its hash tag (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
    """
    found: dict[int, bytes] = {}
    numbers = count()
    while len(found) < MARKS:
        tag = b"%d" % next(numbers)
        _ = found.setdefault(crc_hqx(tag, 0) % SLOTS * MARKS // SLOTS, b"{%s}" % tag)
    return tuple(found[part] for part in range(MARKS if clustered else 1))


def deletion_key(code: str) -> bytes:
    """Returns the key of a person's deletion request. `code` is our own code of letters and digits."""
    return DELETION + code.encode()


def shop_of_key(key: bytes) -> ShopId | None:
    """Returns the shop whose record has this key; None for a key of another kind."""
    return ShopId(_id_in(key, SHOP)) if key.startswith(SHOP) else None


def page_of_key(key: bytes) -> PageId | None:
    """Returns the Page that has this key; None for a key of another kind."""
    return PageId(_id_in(key, PAGE)) if key.startswith(PAGE) else None


def _id_in(key: bytes, prefix: bytes) -> str:
    return unquote(key.removeprefix(prefix)[1:-1].decode())
