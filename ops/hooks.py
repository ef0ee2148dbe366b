"""The parts of the service that tracing replaces: the metrics, the request ids, the layer around the application.

If tracing is off, the plain parts are used, so that tracing takes no time (docs/adr/0018-tracing.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp

from ops.access_log import new_request_id
from ops.metrics import MetricRegistry, Metrics


def _as_it_is(app: ASGIApp) -> ASGIApp:
    return app


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Hooks:
    """The parts that tracing replaces. `metrics` gets the registry and the version of the service. `close` is called
    last, and returns within seconds.
    """

    metrics: Callable[[MetricRegistry, str], Metrics] = Metrics
    new_request_id: Callable[[], str] = new_request_id
    around: Callable[[ASGIApp], ASGIApp] = _as_it_is
    close: Callable[[], None] = _nothing


NO_HOOKS: Final = Hooks()
