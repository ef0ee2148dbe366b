"""The parts of the service that tracing replaces: the metrics, the request ids, the layer around the application.

Without tracing the plain parts are used, so tracing that is off needs no time (docs/adr/0018-tracing.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.types import ASGIApp

from ops.access_log import new_request_id
from ops.metrics import MetricRegistry, Metrics


class NewMetrics(Protocol):
    """Makes metrics."""

    def __call__(self, registry: MetricRegistry, *, version: str) -> Metrics:
        """Returns metrics on this registry."""
        ...


def _as_it_is(app: ASGIApp) -> ASGIApp:
    return app


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Hooks:
    """The parts that tracing replaces. `close` is called last, and returns within seconds."""

    metrics: NewMetrics = Metrics
    new_request_id: Callable[[], str] = new_request_id
    around: Callable[[ASGIApp], ASGIApp] = _as_it_is
    close: Callable[[], None] = _nothing


NO_HOOKS: Final = Hooks()
