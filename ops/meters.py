"""Pure: counters, gauges and histograms as plain numbers.

One event loop counts and scrapes, so no lock is needed. An increment takes 0.1 µs. It would take 0.4 µs with
prometheus_client, and 1.0 µs with its multiprocess mode. A delivery makes several increments
(docs/adr/0020-worker-processes.md). The interpreter copies a dict in one step, so a scrape from another thread is safe.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from itertools import accumulate

Labels = tuple[str, ...]

OTHER = "other"
"""Replaces each new label value once a meter has too many series."""
_MOST_SERIES = 1000
"""The largest number of series of a meter. It bounds the memory if a label's values do not come from a closed set."""


class Counter:
    """A number for each combination of label values. The number only grows."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[Labels, float] = {}

    def add(self, amount: float = 1, labels: Labels = ()) -> None:
        """Count `amount` more. With an amount of 0, the series exists before anything is counted."""
        try:
            self._values[labels] += amount
        except KeyError:
            labels = _bounded(labels, self._values)
            self._values[labels] = self._values.get(labels, 0) + amount

    def series(self) -> list[tuple[Labels, float]]:
        """Returns what was counted so far."""
        return list(self._values.items())


class Gauge:
    """A number for each combination of label values. The number can rise and fall."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[Labels, float] = {}

    def set(self, value: float, labels: Labels = ()) -> None:
        """Set the current number."""
        self._values[labels] = value

    def series(self) -> list[tuple[Labels, float]]:
        """Returns the numbers that were set last."""
        return list(self._values.items())


@dataclass(frozen=True, slots=True)
class Distribution:
    """The contents of a histogram: for each bound the number of values up to it, and the sum of all values. The last
    bound is infinity."""

    buckets: tuple[tuple[float, int], ...]
    sum: float


class Histogram:
    """Counts the values between `bounds`, which rise. A value that is equal to a bound counts as below the bound."""

    __slots__ = ("_bounds", "_counts")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = list(bounds)
        self._counts: dict[Labels, list[float]] = {}
        """The number of values in each bucket, and at the end the sum of all values."""

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
        """Make the series exist before a value is observed."""
        return self._counts.setdefault(labels, [0] * (len(self._bounds) + 2))

    def series(self) -> list[tuple[Labels, Distribution]]:
        """Returns the values that were observed so far."""
        bounds = [*self._bounds, math.inf]
        return [
            (labels, Distribution(tuple(zip(bounds, map(int, accumulate(counts[:-1])), strict=True)), counts[-1]))
            for labels, counts in list(self._counts.items())
        ]


def _bounded(labels: Labels, known: Sized) -> Labels:
    return labels if len(known) < _MOST_SERIES else (OTHER,) * len(labels)
