"""Adds up what several processes have counted, for one scrape.

Counters and histograms are added. If each process has a part of the whole in a gauge (messages in its queue), the gauge
is added too. If every process reads a gauge from the store (stored messages), only the largest or the smallest value is
used. The multiprocess mode of prometheus_client is not used, because it needs a writable folder, and its increment
takes about ten times as long as ours (docs/adr/0020-worker-processes.md).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.metrics_core import Metric

from ops.metrics import METRICS, Across, MetricRegistry

Family = Metric
"""One metric with all its series, as a registry collects it."""

Counted = list[list[Any]]
"""Metrics in a JSON form: name, meaning, type, and samples as name, labels, value."""

_ACROSS: Final[Mapping[str, Across]] = {
    **{row.full_name: row.across for row in METRICS if row.type == "gauge"},
    "process_start_time_seconds": "min",  # the supervisor's start time: no worker is older
}
_LASTING: Final = ("counter", "histogram")


def count(registry: MetricRegistry) -> Counted:
    """Returns what this process has counted so far."""
    return [
        [metric.name, metric.documentation, metric.type, [[s.name, s.labels, s.value] for s in metric.samples]]
        for metric in registry.collect()
    ]


def lasting(counted: Counted) -> Counted:
    """Returns the metrics that are still true after the process has ended: counters and histograms."""
    return [metric for metric in counted if metric[2] in _LASTING]


def add_up(reports: Iterable[Counted]) -> Counted:
    """Returns the sum of all reports. Metrics and series stay in the order in which they first appear."""
    found: dict[str, list[Any]] = {}
    values: dict[str, dict[tuple[Any, ...], list[Any]]] = {}
    for report in reports:
        for name, meaning, type_, samples in report:
            metric = found.setdefault(name, [name, meaning, type_, []])
            series = values.setdefault(name, {})
            across = _ACROSS.get(name, "sum")
            for sample, labels, value in samples:
                known = series.get(key := (sample, *labels.items()))
                if known is None:
                    metric[3].append(series.setdefault(key, [sample, labels, value]))
                elif across == "sum":
                    known[2] += value
                else:
                    known[2] = max(known[2], value) if across == "max" else min(known[2], value)
    return list(found.values())


def metrics_of(counted: Counted) -> Iterator[Family]:
    """Yields the metrics as a registry collects them."""
    for name, meaning, type_, samples in counted:
        metric = Metric(name, meaning, type_)
        for sample, labels, value in samples:
            metric.add_sample(sample, labels, value)
        yield metric
