"""Spans of tracing, over an exporter that keeps them."""

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ops.hooks import Hooks
from ops.metrics import Metrics
from ops.middleware import RequestLog
from ops.tracing import made

CANARY = "canary-កាណារី 012 000 123"


class Traced:
    """An application with two routes, its hooks, and the exported spans."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.hooks: Hooks = made(SimpleSpanProcessor(self.exporter), Resource({}))
        self.metrics: Metrics = self.hooks.metrics(CollectorRegistry(), "1")
        inner = Starlette(routes=[Route("/shops/{shop}", _fine), Route("/broken", _broken)])
        outer = RequestLog(inner, metrics=self.metrics, new_id=self.hooks.new_request_id)
        self.client = TestClient(self.hooks.around(outer), raise_server_exceptions=False)

    def spans(self) -> list[ReadableSpan]:
        """Returns the spans in the order of their ends."""
        return list(self.exporter.get_finished_spans())


async def _fine(_: Request) -> Response:
    return Response()


async def _broken(_: Request) -> Response:
    raise RuntimeError(CANARY)


@pytest.fixture
def traced() -> Traced:
    """Returns a new application."""
    return Traced()


def test_the_span_of_a_request_has_its_route_template_and_its_id(traced: Traced) -> None:
    """The span has no path and no query."""
    answer = traced.client.get("/shops/canary?word=canary")
    (span,) = traced.spans()
    assert span.name == "GET /shops/{shop}"
    assert span.attributes == {
        "page_inbox.request_id": answer.headers["x-request-id"],
        "http.request.method": "GET",
        "http.route": "/shops/{shop}",
        "http.response.status_code": 200,
    }
    assert "canary" not in span.to_json()


def test_the_span_of_an_exception_has_its_class_and_its_places(traced: Traced) -> None:
    """The message of an exception may be a customer's text."""
    traced.client.get("/broken")
    (span,) = traced.spans()
    (event,) = span.events
    assert not span.status.is_ok
    assert (span.attributes or {})["error.type"] == "RuntimeError"
    assert (event.attributes or {})["error"] == "RuntimeError"
    assert "_broken" in str((event.attributes or {})["where"])
    assert "canary" not in span.to_json()


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("not a traceparent", False),
        ("", False),
    ],
)
def test_a_valid_trace_of_the_caller_continues(traced: Traced, header: str, taken: bool) -> None:
    """The trace continues by the W3C standard. With any other header a new trace begins."""
    traced.client.get("/shops/1", headers={"traceparent": header, "tracestate": "a=canary"})
    (span,) = traced.spans()
    assert (span.parent is not None) is taken
    assert (f"{span.context.trace_id:032x}" in header) is taken
    assert "canary" not in span.to_json()


def test_store_batches_and_graph_calls_become_spans_with_their_duration(traced: Traced) -> None:
    """Each batch has a trace of its own. A call of the Graph API is in the trace of its request."""
    traced.metrics.stored(0.25, 7)
    traced.metrics.store_error("timeout")
    traced.metrics.graph_call("posts", "ok", 0.5)
    traced.metrics.graph_call("posts", "throttled", 0.5)
    stored, lost, called, refused = traced.spans()
    assert (stored.attributes, stored.parent) == ({"page_inbox.outcome": "ok", "page_inbox.messages": 7}, None)
    assert [round(((s.end_time or 0) - (s.start_time or 0)) / 1e9, 3) for s in traced.spans()] == [0.25, 0.0, 0.5, 0.5]
    assert [s.name for s in traced.spans()] == ["store batch", "store batch", "graph posts", "graph posts"]
    assert [s.status.is_ok for s in (lost, called, refused)] == [False, True, False]


def test_tracing_does_not_change_the_counters(traced: Traced) -> None:
    """Tracing does not change the counts."""
    traced.client.get("/shops/1")
    traced.metrics.delivery("accepted")
    counted = {
        sample.name: sample.value
        for family in traced.metrics.collect()
        for sample in family.samples
        if sample.name in {"page_inbox_requests_total", "page_inbox_deliveries_total"}
    }
    assert counted == {"page_inbox_requests_total": 1, "page_inbox_deliveries_total": 1}
