"""Pure: what to send, and in which order."""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from domain.errors import Kind, PageInboxError
from domain.ids import PageId
from simulator.attachments import MEDIA
from simulator.customers import Crowd
from simulator.happening import Effect
from simulator.serialize import Document, serialize
from simulator.signing import FORGERIES, Forgery
from simulator.traffic import Habits, SimulatedDelivery, Traffic

RETRY_WAITS = (0.0, 1.0, 5.0, 15.0)
"""Seconds before each further attempt: "immediately, then a few more times" (messenger-platform/webhooks). Facebook
repeats for an hour. A simulation stops earlier."""

_DISORDER_WINDOW = 10
"""Number of later deliveries that may overtake a delivery that is held back."""

_REPEATABLE = 50
"""The number of recent deliveries from which a duplicate is chosen."""


class PlanRefused(PageInboxError):
    """Raised for an invalid plan. Reasons: `no_pages`, `rate_negative`, `count_negative`, `share_out_of_range`,
    `bad_url`.
    """

    kind: ClassVar[Kind] = "invalid"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. Shares are from 0 to 1. The sum of `duplicates` and `forged` is at most 1. Raises PlanRefused."""

    pages: tuple[PageId, ...]
    count: int | None = 100
    """number of deliveries, including duplicates and forgeries, but not retries; None continues until a cancellation"""
    rate: float = 0.0
    """deliveries per second; 0 means as fast as the receiver answers"""
    duplicates: float = 0.0
    disorder: float = 0.0
    forged: float = 0.0
    habits: Habits = field(default_factory=Habits)
    retry_waits: tuple[float, ...] = RETRY_WAITS
    crowd: Crowd | None = None
    """the people who write; None makes a new crowd"""
    media: str = MEDIA
    """the address of pictures, voices and files, without a slash at the end"""

    def __post_init__(self) -> None:
        if not self.pages:
            raise PlanRefused("no_pages", "name at least one Page")
        if self.rate < 0:
            raise PlanRefused("rate_negative")
        if self.count is not None and self.count < 0:
            raise PlanRefused("count_negative")
        shares = (self.duplicates, self.disorder, self.forged, self.habits.broken, self.habits.odd)
        if not all(0 <= share <= 1 for share in shares) or self.duplicates + self.forged > 1:
            raise PlanRefused("share_out_of_range", "a share lies between 0 and 1, duplicates + forged at most at 1")


@dataclass(frozen=True, slots=True)
class Post:
    """One body to post. If it has a `forgery` instead of a signature, a receiver must not carry out its `effects`."""

    nature: Literal["new", "duplicate", "forged"]
    body: bytes
    kinds: tuple[str, ...]
    effects: tuple[Effect, ...]
    forgery: Forgery | None = None


def posts(plan: Plan, rng: random.Random, now: Callable[[], int]) -> Iterator[Post]:
    """Yields `plan.count` posts, each made on request; `now` is Unix time in milliseconds."""
    return _disordered(_drawn(plan, rng, now), plan.disorder, rng)


def _drawn(plan: Plan, rng: random.Random, now: Callable[[], int]) -> Iterator[Post]:
    traffic = Traffic(plan.pages, rng, plan.habits, plan.crowd)
    sent: deque[SimulatedDelivery] = deque(maxlen=_REPEATABLE)
    for _ in itertools.repeat(None) if plan.count is None else itertools.repeat(None, plan.count):
        draw = rng.random()
        if sent and draw < plan.duplicates:
            again = rng.choice(sent)
            document = again.document if rng.random() < 0.5 else _notified_again(again.document, now())
            yield Post("duplicate", _written(document, plan.media), again.kinds, again.effects)
            continue
        fresh = traffic.delivery(now())
        if draw >= 1 - plan.forged:
            yield Post(
                "forged", _written(fresh.document, plan.media), fresh.kinds, fresh.effects, rng.choice(FORGERIES)
            )
            continue
        sent.append(fresh)
        yield Post("new", _written(fresh.document, plan.media), fresh.kinds, fresh.effects)


def _written(document: Document, media: str) -> bytes:
    body = serialize(document)
    return body if media == MEDIA else body.replace(_escaped(MEDIA), _escaped(media))


def _escaped(url: str) -> bytes:
    return url.replace("/", "\\/").encode()


def _notified_again(document: Document, now: int) -> Document:
    """Returns the same events with a new `entry.time`, as in Facebook's own repetitions."""

    def renewed(entry: dict[str, Any]) -> dict[str, Any]:
        # The new time stays in the unit of the old one: seconds for `changes` and `calls`.
        return {**entry, "time": now // 1000 if "changes" in entry or "calls" in entry else now + 1}

    return {**document, "entry": [renewed(entry) for entry in document["entry"]]}


def _disordered(ordered: Iterator[Post], share: float, rng: random.Random) -> Iterator[Post]:
    """Delays `share` of the posts by 1 to `_DISORDER_WINDOW` posts. No post is lost or sent twice."""
    held: list[tuple[int, int, Post]] = []
    turn = 0
    for turn, post in enumerate(ordered):
        late = rng.randint(1, _DISORDER_WINDOW) if rng.random() < share else 0
        heapq.heappush(held, (turn + late, turn, post))
        while held and held[0][0] <= turn:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]
