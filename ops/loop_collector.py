"""Number of tasks of the event loop, for a scrape. A leak of tasks shows as a number that only grows."""

import asyncio
from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class LoopCollector(Collector):
    """`python_asyncio_tasks`, of the loop that scrapes; 0 where none runs."""

    def collect(self) -> Iterator[Metric]:
        """Count them now."""
        yield GaugeMetricFamily("python_asyncio_tasks", "Tasks of the event loop.", value=_tasks())


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0
