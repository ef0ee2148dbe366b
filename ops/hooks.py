"""Where tracing takes hold, without knowing it: what counts, who names a request, what stands around an application.

Without tracing these are the plain parts themselves, so that it costs nothing: nothing is wrapped, nothing is asked,
and OpenTelemetry is not even loaded (docs/adr/0018-tracing.md).
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from starlette.types import ASGIApp

from ops.metrics import Metrics, Registry
from ops.middleware import new_request_id

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

log = structlog.get_logger()


class NewMetrics(Protocol):
    """Makes metrics."""

    def __call__(self, registry: Registry, *, version: str) -> Metrics:
        """On this registry."""
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


def asked_for(environ: Mapping[str, str]) -> bool:
    """Whether the standard variables name a collector and do not switch tracing off.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(environ.get(name, "").strip() for name in _ENDPOINTS)


def hooks(environ: Mapping[str, str], *, version: str) -> Hooks:
    """Tracing where it is asked for and installed; else the plain parts."""
    if not asked_for(environ):
        return NO_HOOKS
    try:
        tracing: Any = importlib.import_module("ops.tracing")
    except ImportError:
        log.warning("tracing_not_installed", hint="pip install 'page-inbox[tracing]', or unset OTEL_EXPORTER_OTLP_*")
        return NO_HOOKS
    made: Hooks = tracing.to_collector(version)
    log.info("tracing", version=version)
    return made
