"""Creates the metric series of panels and alerts at the start, with the value zero.

Prometheus counts an increase from one scrape to the next. Without a zero before, the first increase raises no alert.
"""

from collections.abc import Iterable
from itertools import product
from typing import Final, get_args

from api.route import Route
from domain.event import Outcome
from domain.graph import EDGES, Limit
from domain.purge import PurgeTarget
from domain.shop import PageStatus
from domain.stream import End, StreamEventName
from graph_client.errors import Reason
from ops.access_log import PATH
from ops.metrics import Metrics

_STORED_KINDS: Final = ("message", "postback", "echo", "standby")
_LIVE_OUTCOMES: Final = ("told", "nobody_listens", "refused", "dropped", "unknown_page")


def make_known(metrics: Metrics, routes: Iterable[Route]) -> None:
    """Create the series. Call this once, before the first request."""
    metrics.known("request_seconds", (PATH, "POST"))
    for route in routes:
        if route.path.startswith("/v1/"):
            metrics.known("requests_total", (route.path, route.method, "503"))
    for kind, outcome in product(_STORED_KINDS, get_args(Outcome)):
        metrics.known("events_total", (kind, outcome))
    for outcome in get_args(Outcome):
        metrics.known("healed_messages_total", (outcome,))
    for what in get_args(PurgeTarget):
        metrics.known("purges_total", (what,))
    for name in get_args(StreamEventName):
        metrics.known("stream_events_total", (name,))
    for reason in get_args(End):
        metrics.known("streams_ended_total", (reason,))
    for outcome in _LIVE_OUTCOMES:
        metrics.known("live_notices_total", (outcome,))
    for edge in EDGES:
        metrics.known("graph_seconds", (edge,))
        for outcome in ("ok", *get_args(Reason)):
            metrics.known("graph_calls_total", (edge, outcome))
    for reason in get_args(Reason):
        metrics.known("graph_retries_total", (reason,))
    for limit in get_args(Limit):
        metrics.known("graph_usage_ratio", (limit,))
        metrics.known("graph_holds_total", (limit,))
    for status in get_args(PageStatus):
        metrics.pages(status, 0)
