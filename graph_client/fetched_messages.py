"""Collects fetched messages for a few seconds and stores them together, oldest first."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from domain.event import Outcome
from domain.ids import ConversationId, MessageId, ShopId
from domain.message import Message
from ops.metrics import Metrics

PUT_MESSAGES: Final = 250
"""Messages in one call of the store, which is one script call."""

HELD_SECONDS: Final = 10.0
"""Seconds that a fetched message waits for other messages, so that the messages of several conversations are stored in
order.
"""


SAME_TAP: Final = 1_500
"""The maximum difference, in milliseconds, between a tap's time in the webhook and in Graph, which gives whole seconds.
"""


class Writer(Protocol):
    """Stores messages."""

    async def put_fetched(self, shop: ShopId, messages: Sequence[Message], /) -> list[Outcome]:
        """Store the messages. The five days of each message begin at its `sent_at`. Returns an outcome per message when
        all are stored. Raises kind unavailable.
        """
        ...


class Taps(Protocol):
    """Finds taps of buttons that came by webhook without a message id, as older taps did."""

    async def without_id(self, shop: ShopId, conversation: ConversationId, since: int, /) -> list[tuple[int, str]]:
        """Returns the time (milliseconds) and title of each tap that was received from `since` on. Raises kind
        unavailable.
        """
        ...

    async def purged(self, shop: ShopId, messages: Sequence[Message], /) -> set[MessageId]:
        """Returns the messages that are such taps and were purged as single messages. Raises kind unavailable."""
        ...


class FetchedMessages:
    """Collects messages of one shop and stores them. `clock` is monotonic and in seconds.

    `messages` counts the fetched and readable messages. `stored` counts those that were new.
    """

    def __init__(self, shop: ShopId, store: Writer, taps: Taps, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.messages = 0
        self.stored = 0
        self._shop = shop
        self._store = store
        self._taps = taps
        self._metrics = metrics
        self._clock = clock
        self._waiting: list[Message] = []
        self._waits_since = 0.0

    @property
    def waiting(self) -> bool:
        """Returns whether some messages are not stored yet."""
        return bool(self._waiting)

    async def add(self, messages: Sequence[Message]) -> None:
        """Add messages, the newest first as Graph lists them. Store the waiting messages when there are many, or when
        they have waited long enough.
        """
        if not messages:
            return
        if not self._waiting:
            self._waits_since = self._clock()
        self._waiting += messages
        self.messages += len(messages)
        if len(self._waiting) >= PUT_MESSAGES or self._clock() - self._waits_since >= HELD_SECONDS:
            await self.store()

    async def store(self) -> None:
        """Store the waiting messages, oldest first, because readers sort by receipt. Raises kind unavailable if the
        store is unavailable.
        """
        messages, self._waiting = await self._without_taps(self._waiting), []
        # Facebook's times have whole seconds, and it lists the newest first. In one second, the message listed last is
        # the oldest.
        messages.reverse()
        messages.sort(key=lambda message: message.sent_at or 0)
        for at in range(0, len(messages), PUT_MESSAGES):
            outcomes = Counter(await self._store.put_fetched(self._shop, messages[at : at + PUT_MESSAGES]))
            for outcome, count in outcomes.items():
                self._metrics.healed(outcome, count)
            self.stored += outcomes["stored"]

    async def _without_taps(self, messages: list[Message]) -> list[Message]:
        """Returns the messages, but leaves out taps that are already known. Such a tap came by webhook without a
        message id, and is stored already or was purged. Graph lists a tap as a message with the button's title as its
        text, and gives its time in whole seconds.
        """
        purged = await self._taps.purged(self._shop, [message for message in messages if message.direction == "in"])
        self._metrics.healed("erased", len(purged))
        messages = [message for message in messages if message.id not in purged]
        kept: list[Message] = []
        taps: dict[ConversationId, list[tuple[int, str]]] = {}
        for message in messages:
            sent, conversation = message.sent_at, message.conversation
            if message.direction == "out" or message.text is None or sent is None:
                kept.append(message)
                continue
            if conversation not in taps:
                first = min(one.sent_at or sent for one in messages if one.conversation == conversation)
                since = first - SAME_TAP
                taps[conversation] = await self._taps.without_id(self._shop, conversation, since)
            same = [tap for tap in taps[conversation] if tap[1] == message.text and abs(tap[0] - sent) <= SAME_TAP]
            if same:
                taps[conversation].remove(same[0])
                self._metrics.healed("duplicate", 1)
            else:
                kept.append(message)
        return kept
