"""Numbers of several processes as one: each tells its own, and together they come to what a scrape shows.

Counters and histograms add up. A gauge adds up too (what waits, who watches) where each process has its own share of
it; where each tells the same thing, as all of them read it in the store, it is told once: the largest or the smallest.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.metrics_core import Metric

from ops.metrics import METRICS, Across, Registry

Family = Metric
"""One metric with all its series, as a registry collects it."""

Told = list[list[Any]]
"""Families as JSON takes them: name, meaning, type, and samples as name, labels, value."""

_ACROSS: Final[Mapping[str, Across]] = {
    **{row.full_name: row.across for row in METRICS if row.type == "gauge"},
    "process_start_time_seconds": "min",  # the supervisor's: no worker is older
}
_LASTING: Final = ("counter", "histogram")
"""What was counted stays counted when the process that counted it is gone."""


def tell(registry: Registry) -> Told:
    """What a process has counted so far."""
    return [
        [family.name, family.documentation, family.type, [[s.name, s.labels, s.value] for s in family.samples]]
        for family in registry.collect()
    ]


def lasting(told: Told) -> Told:
    """What of it outlasts the process."""
    return [family for family in told if family[2] in _LASTING]


def together(all_told: Iterable[Told]) -> Told:
    """What they come to. The order is that of the first who tells a family or a series."""
    found: dict[str, list[Any]] = {}
    values: dict[str, dict[tuple[Any, ...], list[Any]]] = {}
    for told in all_told:
        for name, meaning, type_, samples in told:
            family = found.setdefault(name, [name, meaning, type_, []])
            series = values.setdefault(name, {})
            across = _ACROSS.get(name, "sum")
            for sample, labels, value in samples:
                known = series.get(key := (sample, *labels.items()))
                if known is None:
                    family[3].append(series.setdefault(key, [sample, labels, value]))
                elif across == "sum":
                    known[2] += value
                else:
                    known[2] = max(known[2], value) if across == "max" else min(known[2], value)
    return list(found.values())


def families(told: Told) -> Iterator[Family]:
    """As they are written down for a scrape."""
    for name, meaning, type_, samples in told:
        family = Family(name, meaning, type_)
        for sample, labels, value in samples:
            family.add_sample(sample, labels, value)
        yield family
