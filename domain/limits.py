"""The limits of one shop, and the errors that name the reached limit.

Many people have a shop's tokens, and all shops share one service and one Redis. Some limits bound the data that one
shop's tokens can add to Redis. The others bound the work and the memory that they can take in a process. Messages have
no limit here, because Facebook sends them without a token.
"""

from typing import ClassVar, Final, Literal

from domain.errors import Kind, PageInboxError

PAGES: Final = 100
"""Limit: Pages of one shop. A usual shop has one to five. Some calls of Redis look at each Page of the shop."""

BLOCKED_CONVERSATIONS: Final = 10_000
"""Limit: blocked conversations of one shop. A block has no deadline and needs about 100 bytes in Redis."""

PURGES_IN_30_DAYS: Final = 5_000
"""Limit: purges of one shop in 30 days, while their receipts are kept. A purge of a message or a customer leaves up to
100 bytes in Redis for each Page of the shop. The purge of all messages of the shop is never refused because of this
limit: it removes the oldest receipt."""

OPEN_PURGES: Final = 100
"""Limit: purges of one shop that one process is still erasing. The target of a purge is hidden at once, but the purges
are erased in turns. The purge of all messages of the shop is not counted."""

ERASING_AT_ONCE: Final = 2
"""Limit: purges of one shop that one process erases at the same time. Each purge takes up to a sixth of Redis' time."""

CHANGES_PER_DAY: Final = 10_000
"""Limit: changes of one shop in a day (UTC). Each change adds an entry to the audit log, which is kept for 90 days."""

DELETION_PAUSE_SECONDS: Final = 10
"""Limit: time between two purges of all messages of a shop, when its changes of the day are used up. So no caller can
prevent the owner from deleting everything: a call that uses up this limit deletes everything itself."""

TICKETS: Final = 1_000
"""Limit: tickets of one shop that are not used yet. A ticket ends after 30 s, and a browser uses its ticket at once."""

SEARCHES_AT_ONCE: Final = 4
"""Limit: searches of one shop that one process does at the same time. Each search decrypts up to a thousand
messages."""

REFUSED_TOKENS: Final = 20
"""Limit: tokens of Pages that Facebook refuses for one shop within ten minutes, in one process. Facebook counts each
check of a token in the app's budget, so one shop with made-up tokens could use up the budget of all shops."""
REFUSED_TOKENS_SECONDS: Final = 600

EXPORTS_AT_ONCE: Final = 2
"""Limit: exports of one shop that one process sends at the same time. Each export reads all stored data of the shop."""

VIEWERS_OF_A_SHOP: Final = 2_000
"""Limit: viewers of one shop's live stream in one process. The process has room for 5,000 viewers of all shops."""

VIEWERS: Final = 5_000
"""Limit: viewers of live streams in one process. A viewer needs about 30 KiB of memory."""

CountReason = Literal["too_many_pages", "too_many_blocked"]
RateReason = Literal[
    "too_many_purges",
    "too_many_changes",
    "too_many_tickets",
    "too_many_exports",
    "too_many_viewers",
    "too_many_refused_tokens",
    "too_many_searches",
]


class CountReached(PageInboxError):
    """The shop has reached a maximum number. It must remove one item before it can add another."""

    kind: ClassVar[Kind] = "conflict"

    def __init__(self, reason: CountReason, sentence: str) -> None:
        super().__init__(reason, sentence)


class RateReached(PageInboxError):
    """The shop made too many such calls within a time, or makes too many at once. `retry_after` is in seconds."""

    kind: ClassVar[Kind] = "throttled"

    def __init__(self, reason: RateReason, sentence: str, *, retry_after: int) -> None:
        super().__init__(reason, sentence, retry_after=retry_after)
