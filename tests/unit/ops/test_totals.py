"""Metrics of several processes are merged into one answer."""

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ops.metrics import METRICS, Metrics, process_registry
from ops.totals import Counted, add_up, count, lasting, metrics_of


def counted(*deliveries: str, viewers: int = 0, kept: int = 0) -> tuple[Metrics, CollectorRegistry]:
    """Returns a process that has counted these values."""
    registry = process_registry()
    metrics = Metrics(registry, version="1")
    for outcome in deliveries:
        metrics.delivery(outcome)
    metrics.viewers(viewers)
    metrics.kept(kept, kept / 10)
    return metrics, registry


def sent(registry: CollectorRegistry) -> Counted:
    """Returns the value after it passed through the pipe between two processes."""
    told: Counted = orjson.loads(orjson.dumps(count(registry)))
    return told


class Scraped(dict[tuple[str, ...], float]):
    """Every series by name and label values, after the metrics were written and read again."""

    def __init__(self, told: Counted) -> None:
        super().__init__()
        registry = CollectorRegistry()
        registry.register(Once(told))
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                key = (sample.name, *sample.labels.values())
                assert key not in self, "a series is told twice"
                self[key] = sample.value


class Once:
    """Collects the given values."""

    def __init__(self, told: Counted) -> None:
        self.told = told

    def collect(self):  # type: ignore[no-untyped-def]
        """Collect as a registry does."""
        return metrics_of(self.told)


def test_the_metrics_of_a_single_process_stay_unchanged() -> None:
    """The text is exactly the same."""
    metrics, registry = counted("accepted", viewers=3, kept=50)
    metrics.request("/webhook", "POST", 200, 0.01)
    told = add_up([sent(registry)])
    once = CollectorRegistry()
    once.register(Once(told))
    ours = [line for line in generate_latest(once).splitlines() if b"page_inbox" in line]
    assert ours == [line for line in generate_latest(registry).splitlines() if b"page_inbox" in line]


def test_counters_and_histograms_add_up() -> None:
    """The values of each series are added, also if only one process has the series."""
    (one, first), (other, second) = counted("accepted", "accepted", "failed"), counted("accepted")
    one.body(600)
    other.body(600)
    other.body(5000)
    found = Scraped(add_up([sent(first), sent(second)]))
    assert found["page_inbox_deliveries_total", "accepted"] == 3
    assert found["page_inbox_deliveries_total", "failed"] == 1
    assert found["page_inbox_webhook_body_bytes_bucket", "1024.0"] == 2
    assert found["page_inbox_webhook_body_bytes_bucket", "+Inf"] == 3
    assert (found["page_inbox_webhook_body_bytes_count",], found["page_inbox_webhook_body_bytes_sum",]) == (3, 6200)


def test_only_gauges_that_differ_per_process_are_added_up() -> None:
    """Each process has its own viewers, so the numbers of viewers are added. All processes read the same store, so
    the numbers of stored messages are not added. A check that fails in one process has failed.
    """
    (one, first), (other, second) = counted(viewers=3, kept=50), counted(viewers=4, kept=50)
    one.check("redis", True)
    other.check("redis", False)
    found = Scraped(add_up([sent(first), sent(second)]))
    assert found["page_inbox_viewers",] == 7
    assert (found["page_inbox_kept_messages",], found["page_inbox_oldest_kept_message_seconds",]) == (50, 5)
    assert found["page_inbox_check_ok", "redis"] == 0
    assert [value for key, value in found.items() if key[0] == "page_inbox_build_info"] == [1]


def test_the_counters_of_an_ended_process_stay_and_its_gauges_do_not() -> None:
    """The viewers of the ended process are no longer counted."""
    _, registry = counted("accepted", viewers=3)
    found = Scraped(lasting(sent(registry)))
    assert found["page_inbox_deliveries_total", "accepted"] == 1
    assert found["process_cpu_seconds_total",] > 0
    assert {key[0] for key in found} & {"page_inbox_viewers", "process_resident_memory_bytes"} == set()


def test_memory_is_added_up_and_the_earliest_start_time_is_used() -> None:
    """Memory and open files are added. The start time is the earliest one."""
    told = [sent(counted()[1]), sent(counted()[1])]
    for name, value in (("process_start_time_seconds", 7.0), ("process_resident_memory_bytes", 40.0)):
        for one in told:
            next(family for family in one if family[0] == name)[3][0][2] = value
    found = Scraped(add_up(told))
    assert (found["process_start_time_seconds",], found["process_resident_memory_bytes",]) == (7, 80)


def test_adding_up_does_not_change_the_reports_of_workers() -> None:
    """Every scrape adds the last report of a worker again, so the report must stay unchanged."""
    told = sent(counted("accepted")[1])
    assert Scraped(add_up([told, told])) == Scraped(add_up([told, told]))


def test_only_gauges_define_how_they_are_merged() -> None:
    """All other metrics are added up."""
    assert [row.name for row in METRICS if row.type != "gauge" and row.across != "sum"] == []
