"""The metrics as they are scraped."""

import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.registry import DuplicateTimeseries

from ops.metrics import METRICS, PREFIX, Metrics, process_registry


def used() -> CollectorRegistry:
    """Returns a registry on which everything happened once."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, version="1.2.3")
    metrics.delivery("stored")
    metrics.event("message", "stored")
    metrics.body(600)
    metrics.stored(0.004, 12)
    metrics.store_error("unavailable")
    metrics.watch_queue(lambda: (5, 2048))
    metrics.kept(100, 3600.5)
    metrics.swept(0.2)
    metrics.purge("shop")
    metrics.purged(40)
    metrics.purges_running(1)
    metrics.oldest_purge(12.5)
    metrics.check("redis", False)
    metrics.task_crash("sweeper")
    metrics.request("/v1/shops/{shop}/messages", "GET", 200, 0.02)
    metrics.graph_call("comments", "throttled", 0.3)
    metrics.graph_retry("graph_unavailable")
    metrics.graph_usage("pages", 0.8)
    metrics.graph_hold("app")
    metrics.pages("reconnect", 2)
    metrics.subscription_restored()
    metrics.healed("stored", 15)
    return registry


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("deliveries_total", {"outcome": "stored"}, 1),
        ("events_total", {"kind": "message", "outcome": "stored"}, 1),
        ("webhook_body_bytes_bucket", {"le": "1024.0"}, 1),
        ("webhook_body_bytes_bucket", {"le": "512.0"}, 0),
        ("store_seconds_sum", {}, 0.004),
        ("store_seconds_bucket", {"le": "0.005"}, 1),
        ("store_batch_messages_count", {}, 1),
        ("store_batch_messages_sum", {}, 12),
        ("store_errors_total", {"reason": "unavailable"}, 1),
        ("queue_messages", {}, 5),
        ("queue_bytes", {}, 2048),
        ("kept_messages", {}, 100),
        ("oldest_kept_message_seconds", {}, 3600.5),
        ("sweep_seconds_count", {}, 1),
        ("purges_total", {"what": "shop"}, 1),
        ("purged_messages_total", {}, 40),
        ("purges_running", {}, 1),
        ("oldest_purge_seconds", {}, 12.5),
        ("check_ok", {"check": "redis"}, 0),
        ("task_crashes_total", {"task": "sweeper"}, 1),
        ("requests_total", {"route": "/v1/shops/{shop}/messages", "method": "GET", "status": "200"}, 1),
        ("request_seconds_bucket", {"route": "/v1/shops/{shop}/messages", "method": "GET", "le": "+Inf"}, 1),
        ("graph_calls_total", {"edge": "comments", "outcome": "throttled"}, 1),
        ("graph_seconds_bucket", {"edge": "comments", "le": "0.25"}, 0),
        ("graph_seconds_bucket", {"edge": "comments", "le": "0.5"}, 1),
        ("graph_retries_total", {"reason": "graph_unavailable"}, 1),
        ("graph_usage_ratio_bucket", {"limit": "pages", "le": "0.75"}, 0),
        ("graph_usage_ratio_bucket", {"limit": "pages", "le": "0.9"}, 1),
        ("graph_holds_total", {"limit": "app"}, 1),
        ("pages", {"status": "reconnect"}, 2),
        ("subscriptions_restored_total", {}, 1),
        ("healed_messages_total", {"outcome": "stored"}, 15),
    ],
)
def test_each_method_updates_its_own_metric(name: str, labels: dict[str, str], value: float) -> None:
    """Each method counts in its own metric."""
    assert used().get_sample_value(PREFIX + name, labels) == value


def test_the_scrape_holds_exactly_the_metrics_of_the_table() -> None:
    """Each metric has a help sentence, and no metric has a `_created` series."""
    text = generate_latest(used()).decode()
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    assert helps == {row.full_name: row.meaning for row in METRICS}
    types = dict(re.findall(r"^# TYPE (\S+) (.+)$", text, re.MULTILINE))
    assert types == {row.full_name: row.type for row in METRICS}
    assert "_created" not in text


def test_names_follow_the_conventions() -> None:
    """Counters end in _total, descriptions end in a full stop, and the name contains the unit."""
    for row in METRICS:
        assert row.name.endswith("_total") == (row.type == "counter")
        assert row.meaning.endswith(".")
        assert bool(row.bounds) == (row.type == "histogram")
        assert list(row.bounds) == sorted(row.bounds)
        if row.unit in ("seconds", "bytes"):
            assert row.unit in row.name


def test_openmetrics_can_be_read_back() -> None:
    """A scraper that asks for the newer format can read it."""
    families = parser.text_string_to_metric_families(exposition.generate_latest(used()).decode())  # type: ignore[no-untyped-call]
    assert len(list(families)) == len(METRICS)


def test_metrics_without_labels_start_at_zero() -> None:
    """Their rates begin at zero. A metric with labels is registered with 0."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.delivery("stored", 0)
    for name in ("purged_messages_total", "store_seconds_count", "queue_messages"):
        assert registry.get_sample_value(PREFIX + name) == 0
    assert registry.get_sample_value(PREFIX + "deliveries_total", {"outcome": "stored"}) == 0


def test_an_unknown_method_is_counted_as_other() -> None:
    """A client can send any method, so it cannot be a label."""
    registry = CollectorRegistry()
    Metrics(registry).request("unmatched", "BREW-0123", 405, 0.001)
    labels = {"route": "unmatched", "method": "other", "status": "405"}
    assert registry.get_sample_value(PREFIX + "requests_total", labels) == 1


def test_build_info_contains_the_version_of_python() -> None:
    """The labels are the version and Python's version."""
    assert 'page_inbox_build_info{python="3.' in generate_latest(used()).decode()


def test_two_metrics_objects_on_one_registry_are_refused() -> None:
    """Each application has its own registry."""
    registry = CollectorRegistry()
    Metrics(registry)
    with pytest.raises(DuplicateTimeseries):
        Metrics(registry)


def test_the_memory_of_the_process_is_measured() -> None:
    """Operators see memory and processor time."""
    assert b"process_resident_memory_bytes" in generate_latest(process_registry())
