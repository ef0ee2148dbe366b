"""Fetched messages on their way into the store: a few seconds' worth together, oldest first."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from domain.event import Outcome
from domain.ids import ShopId
from domain.message import Message
from ops.metrics import Metrics

PUT_MESSAGES: Final = 250
"""In one call of the store, which is one script call."""

HELD_SECONDS: Final = 10.0
"""How long a fetched message waits for others, so that those of several conversations are stored in their order."""


class Store(Protocol):
    """Where messages are kept."""

    async def put_fetched(self, shop: ShopId, messages: Sequence[Message], /) -> list[Outcome]:
        """Store; the deadline of each runs from its `sent_at`. An outcome per message once all of it is done. Raises
        kind unavailable.
        """
        ...


class FetchedMessages:
    """Collects messages of one shop and stores them. `clock` is monotonic, in seconds.

    `messages` were fetched and readable, `stored` of them were new.
    """

    def __init__(self, shop: ShopId, store: Store, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.messages = 0
        self.stored = 0
        self._shop = shop
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._waiting: list[Message] = []
        self._waits_since = 0.0

    @property
    def waiting(self) -> bool:
        """Whether some are not stored yet."""
        return bool(self._waiting)

    async def add(self, messages: Sequence[Message]) -> None:
        """Take messages, newest first as Graph lists them; store them when there are many, or they have waited."""
        if not messages:
            return
        if not self._waiting:
            self._waits_since = self._clock()
        self._waiting += messages
        self.messages += len(messages)
        if len(self._waiting) >= PUT_MESSAGES or self._clock() - self._waits_since >= HELD_SECONDS:
            await self.store()

    async def store(self) -> None:
        """Store what waits, oldest first: readers go by receipt. Raises kind unavailable where the store is."""
        messages, self._waiting = self._waiting, []
        # Facebook dates to the second and lists the newest first: of one second, the last listed was said first.
        messages.reverse()
        messages.sort(key=lambda message: message.sent_at or 0)
        for at in range(0, len(messages), PUT_MESSAGES):
            outcomes = Counter(await self._store.put_fetched(self._shop, messages[at : at + PUT_MESSAGES]))
            for outcome, count in outcomes.items():
                self._metrics.healed(outcome, count)
            self.stored += outcomes["stored"]
