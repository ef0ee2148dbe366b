"""Pure: counters, gauges and histograms as plain numbers.

One event loop counts and scrapes, so no lock is needed. An increment costs 0.1 microseconds, in prometheus_client 0.4,
and in its multiprocess mode 1.0; a webhook makes several (docs/adr/0020-worker-processes.md). A copy of a dict is taken
in one step of the interpreter, so a scrape from another thread is safe too.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from itertools import accumulate

Labels = tuple[str, ...]

OTHER = "other"
"""Stands for each label value once a meter has too many."""
_MOST_SERIES = 1000
"""Series of one meter. Label values come from closed sets; should one not, memory stays bounded nevertheless."""


class Counter:
    """A number for each combination of label values, that only grows."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[Labels, float] = {}

    def add(self, amount: float = 1, labels: Labels = ()) -> None:
        """Count `amount` more; 0 makes the series known before anything happened."""
        try:
            self._values[labels] += amount
        except KeyError:
            labels = _bounded(labels, self._values)
            self._values[labels] = self._values.get(labels, 0) + amount

    def series(self) -> list[tuple[Labels, float]]:
        """What was counted so far."""
        return list(self._values.items())


class Gauge:
    """A number that goes up and down, for each combination of label values."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[Labels, float] = {}

    def set(self, value: float, labels: Labels = ()) -> None:
        """What it is now."""
        self._values[labels] = value

    def series(self) -> list[tuple[Labels, float]]:
        """What was set last."""
        return list(self._values.items())


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram saw: how many values up to each bound, infinity last, and the sum of all values."""

    buckets: tuple[tuple[float, int], ...]
    sum: float


class Histogram:
    """How many values fell between `bounds` (rising; each belongs to what is below it)."""

    __slots__ = ("_bounds", "_counts")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = list(bounds)
        self._counts: dict[Labels, list[float]] = {}
        """Values in each bucket, and at the end the sum of all values."""

    def observe(self, labels: Labels, *values: float) -> None:
        """Count these values."""
        try:
            counts = self._counts[labels]
        except KeyError:
            labels = _bounded(labels, self._counts)
            counts = self.prepare(labels)
        for value in values:
            counts[bisect_left(self._bounds, value)] += 1
            counts[-1] += value

    def prepare(self, labels: Labels = ()) -> list[float]:
        """Make the series known before anything happened."""
        return self._counts.setdefault(labels, [0] * (len(self._bounds) + 2))

    def series(self) -> list[tuple[Labels, Distribution]]:
        """What was seen so far."""
        bounds = [*self._bounds, math.inf]
        return [
            (labels, Distribution(tuple(zip(bounds, map(int, accumulate(counts[:-1])), strict=True)), counts[-1]))
            for labels, counts in list(self._counts.items())
        ]


def _bounded(labels: Labels, known: Sized) -> Labels:
    return labels if len(known) < _MOST_SERIES else (OTHER,) * len(labels)
