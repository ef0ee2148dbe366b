"""Creates the metric series of panels and alerts at the start, with the value zero.

Prometheus counts an increase from one scrape to the next. If a series began with 1 and not with 0, Prometheus would see
no increase, and no alert would fire.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import product
from typing import Final, get_args

from api.route import Route
from app.edge import Dropped
from cache.errors import UnavailableReason
from domain.event import Outcome
from domain.graph import EDGES, Limit
from domain.purge import PurgeTarget
from domain.shop import PageStatus
from domain.stream import End, StreamEventName
from domain.watch import WITHIN
from graph_client.errors import Reason
from ops.access_log import DELIVERY_OUTCOMES, PATH
from ops.metrics import Metrics
from webhook import callbacks

_FIRST: Final[Mapping[str, tuple[Collection[str], ...]]] = {
    "deliveries_total": (DELIVERY_OUTCOMES,),
    "events_total": (("message", "postback", "echo", "standby"), get_args(Outcome)),
    "request_seconds": ((PATH,), ("POST",)),
    "connections_dropped_total": (get_args(Dropped),),
    "store_errors_total": (get_args(UnavailableReason),),
    "purges_total": (get_args(PurgeTarget),),
    "stream_events_total": (get_args(StreamEventName),),
    "streams_ended_total": (get_args(End),),
    "live_notices_total": (("told", "nobody_listens", "refused", "dropped", "unknown_page"),),
    "callbacks_total": (get_args(callbacks.Callback), callbacks.OUTCOMES),
    "graph_seconds": (EDGES,),
    "graph_calls_total": (EDGES, ("ok", *get_args(Reason))),
    "graph_retries_total": (get_args(Reason),),
    "graph_usage_ratio": (get_args(Limit),),
    "graph_holds_total": (get_args(Limit),),
    "pages": (get_args(PageStatus),),
    "pages_token_expiring": (WITHIN,),
    "healed_messages_total": (get_args(Outcome),),
    "heals_total": (("complete", "cut_short"),),
    "heal_conversations_total": (("refused", "healed", "given_up"),),
}
"""For each metric, the values of each of its labels. Every combination gets a series."""


def make_known(metrics: Metrics, routes: Iterable[Route]) -> None:
    """Create the series. Call this once, before the first request."""
    for name, labels in _FIRST.items():
        for values in product(*labels):
            metrics.known(name, values)
    for route in routes:
        if route.path.startswith("/v1/"):
            metrics.known("requests_total", (route.path, route.method, "503"))
