"""The tests check when tracing is on, and that the application does not change without tracing."""

import sys

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ops.access_log import new_request_id
from ops.hooks import NO_HOOKS
from ops.metrics import Metrics
from ops.tracing_switch import asked_for, hooks

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "inbox"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_tracing_is_on_if_the_environment_names_a_collector(environ: dict[str, str], asked: bool) -> None:
    """OpenTelemetry's own variables decide. The service has no setting for it."""
    assert asked_for(environ) is asked


def test_without_tracing_the_application_has_no_extra_layer() -> None:
    """The application has no additional layer and no additional cost."""
    assert hooks({}, version="1") is NO_HOOKS
    assert NO_HOOKS.around(NO_HOOKS.around) is NO_HOOKS.around  # type: ignore[arg-type, comparison-overlap]
    assert NO_HOOKS.new_request_id is new_request_id
    assert type(NO_HOOKS.metrics(CollectorRegistry(), "1")) is Metrics


def test_missing_tracing_packages_are_logged_and_raise_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, an operator forgot to install the extra."""
    monkeypatch.setitem(sys.modules, "ops.tracing", None)
    with capture_logs() as logs:
        assert hooks(ENDPOINT, version="1") is NO_HOOKS
    assert [line["event"] for line in logs] == ["tracing_not_installed"]
