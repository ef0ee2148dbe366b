"""The operators' routes."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import parser
from starlette.testclient import TestClient

from ops.health import Checks
from ops.metrics import Metrics
from ops.routes import ops_app


async def passing() -> None:
    """Pass."""


async def failing() -> None:
    """Fail."""
    raise ConnectionError("redis://:hunter2@cache refused")


def client(checks: Checks | None = None) -> TestClient:
    """Returns a client of the operators' port, with one counted delivery."""
    registry = CollectorRegistry()
    Metrics(registry).delivery("stored")
    return TestClient(ops_app(registry, checks or Checks()))


def test_livez_does_not_run_the_checks() -> None:
    """`/livez` does not run the checks, so a failing check does not matter."""
    checks = Checks()
    checks.add("redis", failing, "look whether Redis runs")
    answer = client(checks).get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_livez_fails_while_another_process_hangs() -> None:
    """The other process is one that this process supervises."""
    app = ops_app(CollectorRegistry(), Checks(), lambda: False)
    answer = TestClient(app).get("/livez")
    assert (answer.status_code, answer.json()) == (503, {"status": "hangs"})


def test_readyz_is_ok_if_every_check_passes() -> None:
    """Each check has its name. Only a failed check has a hint."""
    checks = Checks()
    checks.add("redis", passing, "look whether Redis runs")
    answer = client(checks).get("/readyz")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    held = [{"name": "redis", "ok": True, "hint": ""}]
    assert answer.json() == {"status": "ok", "checks": held}


def test_readyz_names_the_failed_check_without_the_cause() -> None:
    """The log has the cause."""
    checks = Checks()
    checks.add("redis", failing, "look whether Redis runs")
    checks.add("tasks", passing, "read the log")
    answer = client(checks).get("/readyz")
    assert answer.status_code == 503
    assert [(check["name"], check["ok"]) for check in answer.json()["checks"]] == [("redis", False), ("tasks", True)]
    assert "hunter2" not in answer.text


def test_metrics_are_prometheus_text() -> None:
    """Every scraper can read this format."""
    answer = client().get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'page_inbox_deliveries_total{outcome="stored"} 1.0\n' in answer.text


def test_metrics_are_openmetrics_if_the_client_accepts_it() -> None:
    """Prometheus itself asks for this format."""
    answer = client().get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert list(parser.text_string_to_metric_families(answer.text))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("path", ["/", "/webhook", "/v1/shops/a/messages"])
def test_other_routes_are_not_found(path: str) -> None:
    """The public routes have their own port."""
    assert client().get(path).status_code == 404


def test_a_scrape_runs_the_checks_first() -> None:
    """The metrics therefore never show an old state of Redis."""
    registry = CollectorRegistry()
    checks = Checks(count=Metrics(registry).check)
    checks.add("redis", failing, "look whether Redis runs")
    text = TestClient(ops_app(registry, checks)).get("/metrics").text
    assert 'page_inbox_check_ok{check="redis"} 0.0' in text
