"""Reports the number of tasks of the event loop. If tasks never end, this number grows with every scrape."""

import asyncio
from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class LoopCollector(Collector):
    """`python_asyncio_tasks`, for the loop that runs the scrape; 0 if no loop runs."""

    def collect(self) -> Iterator[Metric]:
        """Count the tasks now."""
        yield GaugeMetricFamily("python_asyncio_tasks", "Tasks of the event loop.", value=_tasks())


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0
