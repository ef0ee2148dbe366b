"""The limits of requests that are not deliveries: how many run, and which caller's request starts next.

These limits apply before a token is checked. docs/adr/0021-what-a-sender-may-cost.md
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal

from app.start_queue import StartQueue

OTHERS_SHARE: Final = 0.75
"""Limit: Part of the connections that requests other than deliveries can hold, streams included. The other connections
are for Facebook, which uses a few dozen."""
CALLER_SHARE: Final = 0.33
"""Limit: Part of the connections for other requests that one caller can hold. A caller is a shop, or a token or address
whose shop is not known. Even two callers together leave a third of these connections free."""
KNOWN_TOKENS: Final = 10_000
"""Remembered pairs of a shop and a token that was verified for this shop. The next request with such a pair counts for
the shop. So a shop has one share, also when it uses many tokens."""
PREPARED_TOGETHER: Final = 4
"""Limit: Requests other than deliveries whose answers are prepared at the same time. Each of them takes memory, and
time in every iteration of the event loop. A delivery is answered after five iterations."""
PREPARING_SECONDS: Final = 0.2
"""Seconds after which a preparation counts as ended, because its request waits for something. Then another request
starts, so at least 20 requests start per second. A route that calls Facebook ends its preparation before it waits.
Otherwise, four calls for a Page that Facebook answers slowly would delay all other requests by 0.2 s.
"""


class Preparation:
    """The preparation of an answer. It ends once: when the object is called, or after PREPARING_SECONDS.

    The object is called when the answer begins, or when the request begins to wait for Facebook.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._timer = asyncio.get_running_loop().call_later(PREPARING_SECONDS, self)
        self._ended = False

    def __call__(self) -> None:
        if not self._ended:
            self._ended = True
            self._timer.cancel()
            self._end()


class Callers:
    """The callers of one server, which holds at most `most` connections. `dropped` counts refused requests."""

    def __init__(self, most: int, dropped: Callable[[Literal["refused"]], None]) -> None:
        self._dropped = dropped
        self._most = most * OTHERS_SHARE
        self._queue = StartQueue[Callable[[Preparation], None]]()
        self._preparing = 0
        self._running: Counter[str] = Counter()
        """For each caller, the number of requests that have started and are not answered yet, without deliveries."""
        self._shops: dict[tuple[str, str], str] = {}
        """Maps a token and a shop to the caller's name, if the token was verified for the shop. Oldest pair first."""

    def caller_of(self, token: str, shop: str) -> str:
        """Returns the name of the caller: the shop if the token was verified for the shop, otherwise the token."""
        return self._shops.get((token, shop), token)

    def verified(self, token: str, shop: str) -> None:
        """Remember that the token was verified for this shop."""
        if (token, shop) not in self._shops:
            if len(self._shops) >= KNOWN_TOKENS:
                del self._shops[next(iter(self._shops))]
            self._shops[token, shop] = f"shop {shop}"

    def refused(self, token: str, shop: str) -> None:
        """Forget the token for this shop, because it is not valid for the shop."""
        self._shops.pop((token, shop), None)

    def start(self, caller: str, run: Callable[[Preparation], None]) -> None:
        """Call `run` when the caller's turn comes. `run` gets a `Preparation`, and calls it when the answer begins."""
        if not self._queue:
            asyncio.get_running_loop().call_soon(self._start_some)
        self._queue.add(caller, run)

    def admit(self, caller: str) -> bool:
        """Returns whether one more request of this caller may run. If True, call `ended` when the request is over."""
        if self._running.total() >= self._most or self._running[caller] >= self._most * CALLER_SHARE:
            self._dropped("refused")
            return False
        self._running[caller] += 1
        return True

    def ended(self, caller: str) -> None:
        """Called when an admitted request is answered, or its caller has closed the connection."""
        self._running[caller] -= 1
        if not self._running[caller]:
            del self._running[caller]

    def _start_some(self) -> None:
        for run in self._queue.take(PREPARED_TOGETHER - self._preparing):
            self._preparing += 1
            run(Preparation(self._prepared))

    def _prepared(self) -> None:
        self._preparing -= 1
        if self._queue:
            asyncio.get_running_loop().call_soon(self._start_some)
