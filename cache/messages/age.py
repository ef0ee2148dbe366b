"""Pure: whether a message is really too old, or a clock is wrong.

Redis compares a message's age with its own clock. When this machine's clock says that the message is young enough, one
of the two clocks is wrong, and the message must not be dropped.
"""

from collections.abc import Sequence
from typing import Final

from cache.messages.row import Row
from domain.event import Outcome

CLOCKS_DIFFER_MS: Final = 30_000
"""Two clocks that are set by NTP differ by less."""


def a_clock_is_wrong(rows: Sequence[Row], outcomes: Sequence[Outcome], *, ttl: int, now: float) -> bool:
    """Whether Redis calls a message too old that is young enough by this machine's clock.

    `ttl` in seconds, `now` in Unix seconds.
    """
    if "too_old" not in outcomes:
        return False
    # keeps: a wrong clock drops no message
    oldest = now * 1000 - ttl * 1000 + CLOCKS_DIFFER_MS
    return any(
        outcome == "too_old" and isinstance(row.sent_at, int) and abs(row.sent_at) > oldest
        for row, outcome in zip(rows, outcomes, strict=True)
    )
