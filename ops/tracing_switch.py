"""Switches tracing on if the environment names a collector. OpenTelemetry is loaded only then."""

import importlib
from collections.abc import Mapping
from typing import Any

import structlog

from ops.hooks import NO_HOOKS, Hooks

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

log = structlog.get_logger()


def asked_for(environ: Mapping[str, str]) -> bool:
    """Returns whether OpenTelemetry's standard variables name a collector and do not switch tracing off.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(environ.get(name, "").strip() for name in _ENDPOINTS)


def hooks(environ: Mapping[str, str], *, version: str) -> Hooks:
    """Returns the tracing parts if tracing is asked for and installed, otherwise the plain parts."""
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
