"""The soak's check of reads: a shop reads all acknowledged messages until they expire, each once, and no others."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Final

from tests.callers import Shop
from tests.fault.load import Load
from tests.support import wait_until_blocking
from tests.viewer import Viewer

SLACK_SECONDS: Final = 5.0
"""Seconds between an event of a message and the record of it, on a busy machine."""


@dataclass
class Found:
    """What has been found so far, in messages."""

    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    outlived: int = 0
    """Messages that are readable after they expired."""
    returned: int = 0
    """Messages that are readable after they were purged."""
    unseen: int = 0
    """Messages that were never sent to the viewer who watched all the time."""
    seen_twice: int = 0

    @property
    def faultless(self) -> bool:
        """Returns True if only acknowledged messages were found."""
        return not any(vars(replace(self, acknowledged=0)).values())


@dataclass
class _Batch:
    """Messages that were acknowledged since the last check, at `ended` at the latest."""

    began: float
    ended: float
    ids: set[str]


@dataclass
class Kept:
    """A shop whose messages stay until they expire. A viewer watches it."""

    shop: Shop
    load: Load
    ttl: int
    found: Found
    _batches: deque[_Batch] = field(default_factory=deque)
    _began: float = field(default_factory=time.monotonic)
    _seen: "Counter[str]" = field(default_factory=Counter)
    _last_id: str = ""

    def look(self, url: str) -> None:
        """Read everything, and follow the stream from the last check until every acknowledged message has arrived."""
        taken, self.load.acknowledged = self.load.acknowledged, set()
        now = time.monotonic()
        self._batches.append(_Batch(self._began, now, taken))
        self._began = now
        self.found.acknowledged += len(taken)
        self._watch(url, taken)
        times = Counter(self.shop.ids())
        read_at = time.monotonic()
        self.found.duplicated += sum(times.values()) - len(times)
        for batch in self._batches:
            if batch.began + self.ttl - SLACK_SECONDS > read_at:
                lost = batch.ids - times.keys()
                self.found.lost += len(lost)
                batch.ids -= lost  # counted once
            elif batch.ended + self.ttl + SLACK_SECONDS < now:
                self.found.outlived += len(batch.ids & times.keys())
        while self._batches and self._batches[0].ended + 2 * self.ttl < now:
            self._batches.popleft()

    def _watch(self, url: str, taken: set[str]) -> None:
        with Viewer(url, self.shop.name, after=self._last_id, query="" if self._last_id else "?since=0") as viewer:
            told: Counter[str] = Counter()

            def all_told() -> bool:
                told.clear()
                told.update(viewer.ids)
                return taken <= self._seen.keys() | told.keys()

            try:
                wait_until_blocking(all_told, within=60)
            except AssertionError:
                self.found.unseen += len(taken - self._seen.keys() - told.keys())
            viewer.close()
            self._seen.update(viewer.ids)
            self._last_id = viewer.reader.last_id
        self.found.seen_twice += sum(self._seen[mid] - 1 for mid in taken if self._seen[mid] > 1)
        for mid in taken:
            del self._seen[mid]


@dataclass
class Purged:
    """A shop that deletes everything now and then."""

    shop: Shop
    load: Load
    found: Found

    def look(self, _url: str) -> None:
        """Purge and read."""
        taken, self.load.acknowledged = self.load.acknowledged, set()
        self.found.acknowledged += len(taken)
        self.shop.purge()
        times = Counter(self.shop.ids())
        self.found.returned += len(taken & times.keys())
        self.found.duplicated += sum(times.values()) - len(times)
