"""Has the table of all metrics, and counts them. The caller passes the registry.

The values of labels come from closed sets: outcomes, kinds, route templates, methods, status codes. No label is an id.
The numbers are plain numbers (ops/meters.py) of one process. prometheus_client only formats them for a scrape.
"""

import math
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import GCCollector, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import CollectorRegistry

from ops.loop_collector import LoopCollector
from ops.meters import OTHER, Counter, Gauge, Histogram

PREFIX = "page_inbox_"

MetricRegistry = CollectorRegistry
"""The registry for metrics and scrapes. Modules use this name and do not import prometheus_client."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_WRITE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds. Facebook counts an answer after five seconds as a failure."""
_ANSWER = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_BODY = (512, 1024, 2048, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)
_GRAPH = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
_LAG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SHARE = (0.25, 0.5, 0.75, 0.9, 1.0)
_SWEEP = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0)


Across = Literal["sum", "max", "min"]
"""How the gauges of several worker processes are combined (ops/totals.py). `sum`: each process has a part of the whole.
`max` or `min`: all processes report the same number, or only the worst number is of interest.
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `name` has no prefix. `bounds` are the upper bounds of a histogram's buckets."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    across: Across = "sum"

    @property
    def full_name(self) -> str:
        """Returns the name that is scraped."""
        return PREFIX + self.name


METRICS: tuple[Metric, ...] = (
    Metric("deliveries_total", "counter", "deliveries", "Webhook deliveries by how they were answered.", ("outcome",)),
    Metric("events_total", "counter", "events", "Events inside deliveries, by kind and outcome.",
           ("kind", "outcome")),
    Metric("webhook_body_bytes", "histogram", "bytes", "Size of the webhook bodies that were read.", bounds=_BODY),
    Metric("store_seconds", "histogram", "seconds", "Time one batch took to be stored and acknowledged.",
           bounds=_WRITE),
    Metric("store_batch_messages", "histogram", "messages", "Messages stored in one batch.", bounds=_BATCH),
    Metric("store_errors_total", "counter", "batches", "Batches that could not be stored, and Pages that could "
           "not be looked up, by reason.", ("reason",)),
    Metric("queue_messages", "gauge", "messages", "Messages waiting to be stored."),
    Metric("queue_bytes", "gauge", "bytes", "Bytes of the messages waiting to be stored."),
    Metric("kept_messages", "gauge", "messages", "Messages kept at present, of all shops.", across="max"),
    Metric("oldest_kept_message_seconds", "gauge", "seconds", "Age of the oldest kept message; 0 when none is kept.",
           across="max"),
    Metric("sweep_seconds", "histogram", "seconds", "Time one sweep for expired messages took.", bounds=_SWEEP),
    Metric("purges_total", "counter", "purges", "Purges requested, by what was purged.", ("what",)),
    Metric("purged_messages_total", "counter", "messages", "Messages erased by purges."),
    Metric("purges_running", "gauge", "purges", "Purges whose messages are unreadable but not all erased yet."),
    Metric("oldest_purge_seconds", "gauge", "seconds",
           "Age of the oldest purge that has not erased everything yet; 0 when none is left.", across="max"),
    Metric("purges_replayed_timestamp_seconds", "gauge", "seconds",
           "Unix time at which purges of the journal were last repeated because Redis did not know them; 0 if never.",
           across="max"),
    Metric("requests_total", "counter", "requests", "Answered requests by route template, method and status.",
           ("route", "method", "status")),
    Metric("request_seconds", "histogram", "seconds", "Time from a request's head to its answer's end.",
           ("route", "method"), _ANSWER),
    Metric("connections_dropped_total", "counter", "connections",
           "Connections that were cut off because their sender was too slow or sent too much.", ("reason",)),
    Metric("viewers", "gauge", "viewers", "Viewers of live streams that are connected now."),
    Metric("stream_events_total", "counter", "events", "Events sent to viewers, by name; one for each viewer.",
           ("event",)),
    Metric("streams_ended_total", "counter", "streams", "Live streams that ended, by reason.", ("reason",)),
    Metric("stream_lag_seconds", "histogram", "seconds",
           "Time from the receipt of a message, or from a change, until it is sent to a waiting viewer.", bounds=_LAG),
    Metric("audit_entries_total", "counter", "entries", "Entries of shops' audit logs by whether they were written; a "
           "call that cannot be recorded is refused.", ("outcome",)),
    Metric("callbacks_total", "counter", "callbacks", "Facebook's callbacks about persons, by outcome.",
           ("callback", "outcome")),
    Metric("live_notices_total", "counter", "events",
           "Events that are never stored, by outcome: sent to viewers or not.", ("outcome",)),
    Metric("graph_calls_total", "counter", "calls", "Calls of Facebook's Graph API by edge and how they ended.",
           ("edge", "outcome")),
    Metric("graph_seconds", "histogram", "seconds", "Time one call of the Graph API took.", ("edge",), _GRAPH),
    Metric("graph_retries_total", "counter", "calls", "Repeated calls of the Graph API, by the failure.",
           ("reason",)),
    Metric("graph_unknown_fields_total", "counter", "fields", "Fields that Facebook's version does not have. The "
           "service no longer asks for them; by edge.", ("edge", "field")),
    Metric("graph_usage_ratio", "histogram", "", "Used share of a budget according to Facebook's answers; 1 is "
           "the limit.", ("limit",), _SHARE),
    Metric("graph_holds_total", "counter", "holds", "Times that calls were stopped because a budget was used up.",
           ("limit",)),
    Metric("pages", "gauge", "pages", "Connected Pages that have a token, by status.",
           ("status",), across="max"),
    Metric("pages_token_expiring", "gauge", "pages",
           "Connected Pages whose token ends within a day, and within 14 days.", ("within",), across="max"),
    Metric("subscriptions_restored_total", "counter", "subscriptions",
           "Lost webhook subscriptions that were restored."),
    Metric("healed_messages_total", "counter", "messages", "Messages fetched after an outage or a lost subscription, "
           "by outcome.", ("outcome",)),
    Metric("redis_clock_skew_seconds", "gauge", "seconds", "The clock of Redis minus that of this machine.",
           across="max"),
    Metric("redis_evicted_keys", "gauge", "keys", "Keys that Redis has evicted since it started; must stay 0.",
           across="max"),
    Metric("redis_memory_ratio", "gauge", "", "Used memory of Redis divided by maxmemory; 0 without a limit.",
           across="max"),
    Metric("redis_went_back_total", "counter", "losses",
           "Times that Redis came back with older data than it had before."),
    Metric("heals_total", "counter", "runs", "Runs that fetched missed messages of a Page, by how they ended.",
           ("outcome",)),
    Metric("heal_conversations_total", "counter", "conversations", "Conversations that Facebook refused while a Page "
           "was healed; counted again when they are fetched or given up.", ("outcome",)),
    Metric("unhealed_conversations", "gauge", "conversations", "Conversations that Facebook refuses and the "
           "service tries again.", across="max"),
    Metric("check_ok", "gauge", "", "Whether a check of /readyz passes at this scrape: 1 or 0.", ("check",),
           across="min"),
    Metric("task_crashes_total", "counter", "crashes", "Background tasks that crashed and were started again.",
           ("task",)),
    Metric("workers", "gauge", "workers", "Worker processes that serve now."),
    Metric("worker_deaths_total", "counter", "workers",
           "Worker processes that ended unexpectedly and were replaced, by how they ended.", ("how",)),
    Metric("log_lines_lost_total", "counter", "lines", "Log lines that were dropped, because the reader of standard "
           "output is too slow or gone."),
    Metric("build_info", "gauge", "", "Always 1; the labels name the running version.", ("version", "python"),
           across="max"),
)  # fmt: skip


class Metrics:
    """Counts what happens. All code counts with these methods, and passes label values in the form that is scraped."""

    def __init__(self, registry: CollectorRegistry, version: str = "unknown") -> None:
        self._counters = {row.name: Counter() for row in METRICS if row.type == "counter"}
        self._gauges = {row.name: Gauge() for row in METRICS if row.type == "gauge"}
        self._histograms = {row.name: Histogram(row.bounds) for row in METRICS if row.type == "histogram"}
        for row in METRICS:
            if not row.labels:
                self.known(row.name, ())
        self._gauges["build_info"].set(1, (version, platform.python_version()))
        # The meters of the most frequent calls are looked up once.
        self._deliveries = self._counters["deliveries_total"]
        self._events = self._counters["events_total"]
        self._requests = self._counters["requests_total"]
        self._request_seconds = self._histograms["request_seconds"]
        self._body_bytes = self._histograms["webhook_body_bytes"]
        self._look_at_queue: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._lost_lines: Callable[[], int] = lambda: 0
        self._lost_lines_counted = 0
        registry.register(self)

    def known(self, name: str, labels: tuple[str, ...]) -> None:
        """Make a series exist before anything is counted, so that it begins at zero. `name` has no prefix."""
        if name in self._counters:
            self._counters[name].add(0, labels)
        elif name in self._gauges:
            self._gauges[name].set(0, labels)
        else:
            self._histograms[name].prepare(labels)

    def delivery(self, outcome: str, n: int = 1) -> None:
        """Deliveries were answered."""
        self._deliveries.add(n, (outcome,))

    def event(self, kind: str, outcome: str) -> None:
        """An event of a kind had this outcome."""
        self._events.add(1, (kind, outcome))

    def body(self, *sizes: int) -> None:
        """Webhook bodies of these sizes, in bytes, were read."""
        self._body_bytes.observe((), *sizes)

    def stored(self, seconds: float, messages: int) -> None:
        """A batch was stored and acknowledged."""
        self._histograms["store_seconds"].observe((), seconds)
        self._histograms["store_batch_messages"].observe((), messages)

    def store_error(self, reason: str) -> None:
        """A batch could not be stored."""
        self._counters["store_errors_total"].add(1, (reason,))

    def watch_queue(self, look: Callable[[], tuple[int, int]]) -> None:
        """Read the number of waiting messages and their bytes at each scrape."""
        self._look_at_queue = look

    def watch_log(self, lost_lines: Callable[[], int]) -> None:
        """Read the number of lost log lines at each scrape."""
        self._lost_lines, self._lost_lines_counted = lost_lines, lost_lines()

    def kept(self, messages: int, oldest_seconds: float) -> None:
        """The number of messages that are kept now, and the age of the oldest."""
        self._gauges["kept_messages"].set(messages)
        self._gauges["oldest_kept_message_seconds"].set(oldest_seconds)

    def swept(self, seconds: float) -> None:
        """A sweep ended."""
        self._histograms["sweep_seconds"].observe((), seconds)

    def purge(self, what: str) -> None:
        """A purge of a shop, Page, customer, conversation or message has begun."""
        self._counters["purges_total"].add(1, (what,))

    def purged(self, messages: int) -> None:
        """A purge erased this many messages."""
        self._counters["purged_messages_total"].add(messages)

    def purges_running(self, purges: int) -> None:
        """This many purges are still erasing."""
        self._gauges["purges_running"].set(purges)

    def oldest_purge(self, seconds: float) -> None:
        """The age of the oldest purge that is still erasing, in any replica."""
        self._gauges["oldest_purge_seconds"].set(seconds)

    def purges_replayed(self, moment: float) -> None:
        """The purges of the journal were repeated at this Unix time, in seconds."""
        self._gauges["purges_replayed_timestamp_seconds"].set(moment)

    def redis(self, *, clock_skew: float, evicted: int, memory: float) -> None:
        """The measurements of the last examination of Redis."""
        self._gauges["redis_clock_skew_seconds"].set(clock_skew)
        self._gauges["redis_evicted_keys"].set(evicted)
        self._gauges["redis_memory_ratio"].set(memory)

    def redis_went_back(self) -> None:
        """Redis returned with older data."""
        self._counters["redis_went_back_total"].add()

    def check(self, name: str, ok: bool) -> None:
        """A check of /readyz ended."""
        self._gauges["check_ok"].set(ok, (name,))

    def task_crash(self, task: str, n: int = 1) -> None:
        """A background task crashed. At the start of the task `n` is 0, so that its series exists."""
        self._counters["task_crashes_total"].add(n, (task,))

    def workers(self, workers: int) -> None:
        """This many worker processes are serving."""
        self._gauges["workers"].set(workers)

    def worker_death(self, how: str) -> None:
        """A worker process ended without a request to end."""
        self._counters["worker_deaths_total"].add(1, (how,))

    def request(self, route: str, method: str, status: int, *seconds: float) -> None:
        """One or more requests with the same labels were answered. `route` is the template, never the path."""
        method = known_method(method)
        self._requests.add(len(seconds), (route, method, str(status)))
        self._request_seconds.observe((route, method), *seconds)

    def dropped(self, reason: str) -> None:
        """The service closed a connection, or refused a request because too many run."""
        self._counters["connections_dropped_total"].add(1, (reason,))

    def viewers(self, viewers: int) -> None:
        """This many viewers are connected."""
        self._gauges["viewers"].set(viewers)

    def streamed(self, event: str, viewers: int) -> None:
        """An event is sent to this many viewers."""
        self._counters["stream_events_total"].add(viewers, (event,))

    def stream_ended(self, reason: str) -> None:
        """A stream has ended."""
        self._counters["streams_ended_total"].add(1, (reason,))

    def stream_lag(self, seconds: float) -> None:
        """A message or a change was sent to a waiting viewer this many seconds after it was stored."""
        self._histograms["stream_lag_seconds"].observe((), seconds)

    def audit(self, outcome: str) -> None:
        """An entry of an audit log was `written` or `refused`."""
        self._counters["audit_entries_total"].add(1, (outcome,))

    def callback(self, callback: str, outcome: str) -> None:
        """A callback in which Facebook reports that a person removes the app or wants deletion had this outcome."""
        self._counters["callbacks_total"].add(1, (callback, outcome))

    def live_notice(self, outcome: str, n: int = 1) -> None:
        """`n` events that are never stored had this outcome. For example, `told`: they were sent to viewers;
        `nobody_listens`: the shop has no viewer.
        """
        self._counters["live_notices_total"].add(n, (outcome,))

    def graph_call(self, edge: str, outcome: str, seconds: float) -> None:
        """A call of the Graph API ended: `ok`, or the reason of its error."""
        self._counters["graph_calls_total"].add(1, (edge, outcome))
        self._histograms["graph_seconds"].observe((edge,), seconds)

    def graph_retry(self, reason: str) -> None:
        """A call is repeated."""
        self._counters["graph_retries_total"].add(1, (reason,))

    def graph_field_unknown(self, edge: str, field: str) -> None:
        """Facebook does not know a field that was requested. The field's name comes from the service."""
        self._counters["graph_unknown_fields_total"].add(1, (edge, field))

    def graph_usage(self, limit: str, ratio: float) -> None:
        """An answer of Facebook reported the used share of a rate limit."""
        self._histograms["graph_usage_ratio"].observe((limit,), ratio)

    def graph_hold(self, limit: str) -> None:
        """Calls were stopped for a while."""
        self._counters["graph_holds_total"].add(1, (limit,))

    def pages(self, status: str, pages: int) -> None:
        """This many Pages with a token are in this state now."""
        self._gauges["pages"].set(pages, (status,))

    def pages_token_expiring(self, within: str, pages: int) -> None:
        """This many Pages have a token that ends within the period `within`, `1d` or `14d`."""
        self._gauges["pages_token_expiring"].set(pages, (within,))

    def subscription_restored(self) -> None:
        """A lost webhook subscription was restored."""
        self._counters["subscriptions_restored_total"].add()

    def healed(self, outcome: str, messages: int) -> None:
        """This many messages that no webhook delivered had this outcome."""
        self._counters["healed_messages_total"].add(messages, (outcome,))

    def heal(self, outcome: str) -> None:
        """A run of healing a Page ended: `complete` or `cut_short`."""
        self._counters["heals_total"].add(1, (outcome,))

    def heal_conversation(self, outcome: str) -> None:
        """A conversation was `refused`, later `healed`, or `given_up`."""
        self._counters["heal_conversations_total"].add(1, (outcome,))

    def unhealed(self, conversations: int) -> None:
        """This many conversations of all Pages are refused now."""
        self._gauges["unhealed_conversations"].set(conversations)

    def describe(self) -> Iterator[Family]:
        """Yields the metrics without numbers. From them the registry sees whether two metrics have the same name."""
        return map(_family, METRICS)

    def collect(self) -> Iterator[Family]:
        """Yields what was counted so far, in the order of the table."""
        messages, size = self._look_at_queue()
        self._gauges["queue_messages"].set(messages)
        self._gauges["queue_bytes"].set(size)
        lost = self._lost_lines()
        self._counters["log_lines_lost_total"].add(lost - self._lost_lines_counted)
        self._lost_lines_counted = lost
        for row in METRICS:
            family = _family(row)
            if isinstance(family, HistogramMetricFamily):
                for labels, seen in self._histograms[row.name].series():
                    buckets = [("+Inf" if bound == math.inf else repr(float(bound)), n) for bound, n in seen.buckets]
                    family.add_metric(labels, buckets, seen.sum)
            else:
                meters: Mapping[str, Counter | Gauge] = self._counters if row.type == "counter" else self._gauges
                for labels, value in meters[row.name].series():
                    family.add_metric(labels, value)
            yield family


def known_method(method: str) -> str:
    """Returns a known method of HTTP unchanged, and `other` for any other word that a client sends as the method."""
    return method if method in _METHODS else OTHER


def process_registry() -> CollectorRegistry:
    """Returns a new registry that already reports the process' memory, processor time, open files, garbage collections
    and tasks.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(LoopCollector())
    return registry


def _family(row: Metric) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
    if row.type == "counter":
        return CounterMetricFamily(row.full_name, row.meaning, labels=row.labels)
    if row.type == "gauge":
        return GaugeMetricFamily(row.full_name, row.meaning, labels=row.labels)
    return HistogramMetricFamily(row.full_name, row.meaning, labels=row.labels)
