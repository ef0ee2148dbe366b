"""A collector of spans on a loopback socket: it keeps what OpenTelemetry's exporter sends, decoded and raw."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span. The ids are in hexadecimal digits."""

    name: str
    trace: str
    parent: str
    told: dict[str, Any]
    failed: bool
    events: list[dict[str, Any]]


@dataclass
class Collector:
    """Keeps the spans. `raw` has every body unchanged."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)

    def spans(self) -> list[Span]:
        """Returns all spans that have arrived."""
        found = []
        for body in list(self.raw):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += [_span(span) for span in scope.spans]
        return found

    def named(self, name: str) -> list[Span]:
        """Returns the spans of this name."""
        return [span for span in self.spans() if span.name == name]


def _span(span: Any) -> Span:
    return Span(
        span.name,
        span.trace_id.hex(),
        span.parent_span_id.hex(),
        _told(span.attributes),
        span.status.code == 2,
        [_told(event.attributes) for event in span.events],
    )


def _told(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Yields a running collector."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        """Accepts every request."""

        def do_POST(self) -> None:
            """Keep the body."""
            collector.raw.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
