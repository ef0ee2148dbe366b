"""Spans of OpenTelemetry: deliveries, requests of the API, stored batches, calls of Graph.

This module is loaded only if tracing is on. A span has the same label values as the metrics, and the request's id.
Label values come from closed sets, so no span holds a text, a token, an address or the id of a customer. Exceptions are
described by class and places. If https://opentelemetry.io/docs/specs/semconv/http/http-spans/ has a name, it is used.
"""

import threading
import time
from functools import partial
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Receive, Scope, Send

from ops.access_log import new_request_id
from ops.hooks import Hooks
from ops.metrics import MetricRegistry, Metrics, known_method
from ops.traces import describe

_CLOSE_SECONDS: Final = 3.0
"""Seconds that the last spans have to reach the collector. A collector that does not answer must not delay a stop."""
_SERVER_ERROR: Final = 500


def to_collector(version: str) -> Hooks:
    """Returns hooks whose spans are sent by OTLP over HTTP. The address of the collector is in the environment."""
    resource = Resource({"service.name": "page-inbox", "service.version": version})
    return made(BatchSpanProcessor(OTLPSpanExporter()), resource.merge(OTELResourceDetector().detect()))


def made(processor: SpanProcessor, resource: Resource) -> Hooks:
    """Returns hooks whose spans are sent to a processor."""
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("page_inbox")
    return Hooks(
        metrics=partial(TracedMetrics, tracer),
        new_request_id=_traced_request_id,
        around=partial(Traced, tracer),
        close=partial(_close, provider),
    )


class Traced:
    """An application with one span for each request. If a `traceparent` names the caller's trace, the span is part of
    that trace.
    """

    def __init__(self, tracer: Tracer, app: ASGIApp) -> None:
        self._tracer = tracer
        self._app = app
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # `tracestate` is not used, because its text, which a caller can choose, would be sent to the collector.
        caller = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
        with self._tracer.start_as_current_span(
            "request",
            context=self._propagator.extract({"traceparent": caller}, context=Context()),
            kind=SpanKind.SERVER,
            record_exception=False,  # its text may contain a customer's words
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, send)
            except Exception as error:
                facts = describe(error)
                span.set_attribute("error.type", str(facts["error"]))
                span.add_event("exception", {key: _flat(value) for key, value in facts.items()})
                raise


class TracedMetrics(Metrics):
    """Counts like `Metrics`. It also adds the values to the span of this request, or makes a span for work that has
    just ended.
    """

    def __init__(self, tracer: Tracer, registry: MetricRegistry, version: str = "unknown") -> None:
        super().__init__(registry, version)
        self._tracer = tracer

    def request(self, route: str, method: str, status: int, *seconds: float) -> None:
        """A request was answered."""
        super().request(route, method, status, *seconds)
        span = get_current_span()
        method = known_method(method)
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= _SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))

    def delivery(self, outcome: str, n: int = 1) -> None:
        """A delivery was answered."""
        super().delivery(outcome, n)
        get_current_span().set_attribute("page_inbox.outcome", outcome)

    def stored(self, seconds: float, messages: int) -> None:
        """A batch was stored. The batch has its own trace, because it holds the messages of many deliveries."""
        super().stored(seconds, messages)
        self._ended("store batch", seconds, Context(), {"page_inbox.outcome": "ok", "page_inbox.messages": messages})

    def store_error(self, reason: str) -> None:
        """A batch could not be stored."""
        super().store_error(reason)
        self._ended("store batch", 0.0, Context(), {"page_inbox.outcome": reason}, failed=True)

    def graph_call(self, edge: str, outcome: str, seconds: float) -> None:
        """A call of the Graph API ended. The id of the trace is not sent to Facebook."""
        super().graph_call(edge, outcome, seconds)
        facts: dict[str, str | int] = {"page_inbox.edge": edge, "page_inbox.outcome": outcome}
        self._ended(f"graph {edge}", seconds, None, facts, kind=SpanKind.CLIENT, failed=outcome != "ok")

    def _ended(
        self,
        name: str,
        seconds: float,
        context: Context | None,
        facts: dict[str, str | int],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        failed: bool = False,
    ) -> None:
        now = time.time_ns()
        began = now - int(seconds * 1e9)
        span = self._tracer.start_span(name, context=context, kind=kind, attributes=facts, start_time=began)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(now)


def _traced_request_id() -> str:
    request_id = new_request_id()
    get_current_span().set_attribute("page_inbox.request_id", request_id)
    return request_id


def _flat(value: object) -> str | list[str]:
    """Returns a value of `describe` as a text or a list of texts. For a nested description, the text is its class."""
    if isinstance(value, list):
        return [item if isinstance(item, str) else str(item["error"]) for item in value]
    return str(value)


def _close(provider: TracerProvider) -> None:
    """Send the remaining spans in a thread. The process can end before this thread. Without the thread, the library
    would wait half a minute.
    """
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(_CLOSE_SECONDS)
