"""Pure: an endless stream of deliveries from the customers of a few shops. The same randomness and times give the same
deliveries. Frequent kinds (texts, echoes, reads) and rare kinds are as common as in reality. The rarest kind comes
about four times in a thousand events.
"""

import itertools
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from domain.ids import PageId
from simulator import changes, messages, notices
from simulator.customers import Crowd
from simulator.happening import Container, Effect, Happening
from simulator.oddities import as_number, made_odd
from simulator.payloads import delivery, entry
from simulator.poison import broken
from simulator.serialize import Document

_MIX = messages.MIX | notices.MIX | changes.MIX
KINDS = tuple(_MIX)
"""Every kind of event except broken events."""
_MAKERS = tuple(maker for _, maker in _MIX.values())
_WEIGHTS = tuple(itertools.accumulate(weight for weight, _ in _MIX.values()))

_MOST_NOTIFICATION_DELAY = 900
"""The largest age of an event, in milliseconds, when Facebook sends its delivery."""


@dataclass(frozen=True, slots=True)
class SimulatedDelivery:
    """One body, the kinds of its events in order, and the data that a receiver should keep."""

    document: Document
    kinds: tuple[str, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """How the simulated world behaves. `broken` and `odd` are shares of events, 0 to 1."""

    customers: int = 40
    """number of customers at each Page"""
    largest_batch: int = 20
    """largest number of events in one delivery; most deliveries have one event"""
    broken: float = 0.0
    odd: float = 0.02


class Traffic:
    """Draws deliveries for `pages`; all randomness is `rng`. Without a `crowd`, it makes a new crowd."""

    def __init__(
        self, pages: Sequence[PageId], rng: random.Random, habits: Habits | None = None, crowd: Crowd | None = None
    ) -> None:
        self._rng = rng
        self._habits = habits or Habits()
        self._crowd = crowd or Crowd(pages, self._habits.customers, rng)
        self._overtaken: deque[Happening] = deque()

    def delivery(self, now: int) -> SimulatedDelivery:
        """The next delivery, sent at `now` (milliseconds)."""
        size = self._batch_size()
        happenings = [self._overtaken.popleft() for _ in range(min(size, len(self._overtaken)))]
        happenings += [self._happening(now) for _ in range(size - len(happenings))]
        # The message of an early edit or unsend comes in a later delivery, as after a failure at Facebook.
        self._overtaken.extend(happening.later for happening in happenings if happening.later is not None)
        effects = tuple(happening.effect for happening in happenings if happening.effect is not None)
        kinds = tuple(happening.kind for happening in happenings)
        return SimulatedDelivery(delivery(self._entries(happenings, now)), kinds, effects)

    def _batch_size(self) -> int:
        if self._rng.random() < 0.7:
            return 1
        return self._rng.randint(1, self._habits.largest_batch)

    def _happening(self, now: int) -> Happening:
        rng, habits = self._rng, self._habits
        chat, at = self._crowd.pick(rng), now - rng.randrange(_MOST_NOTIFICATION_DELAY)
        if rng.random() < habits.broken:
            return broken(chat, rng, at)
        happening = rng.choices(_MAKERS, cum_weights=_WEIGHTS)[0](chat, rng, at)
        return made_odd(happening, rng) if rng.random() < habits.odd else happening

    def _entries(self, happenings: list[Happening], now: int) -> list[Document]:
        """Returns one entry per event, or one per Page and list. Facebook sends both forms."""
        apart = self._rng.random() < 0.5
        groups: dict[tuple[PageId, Container, int], list[object]] = {}
        for position, happening in enumerate(happenings):
            key = (happening.page, happening.container, position if apart else 0)
            groups.setdefault(key, []).append(happening.part)
        entries = [entry(page, now, container, parts) for (page, container, _), parts in groups.items()]
        return [self._respelled(one) if self._rng.random() < self._habits.odd else one for one in entries]

    def _respelled(self, one: Document) -> Document:
        """Returns the same entry with its list first. The Page's id becomes a number if the number keeps every
        digit."""
        page = as_number(one["id"])
        return {
            **{key: value for key, value in one.items() if key not in ("id", "time")},
            "time": one["time"],
            "id": page,
        }
