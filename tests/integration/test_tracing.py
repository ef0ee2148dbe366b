"""Spans of a running service as a collector gets them. Without the setting, the service loads no part of tracing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from simulator.graph_faults import Fails
from tests.callers import Facebook, Shop
from tests.collector import Collector, Span, collecting
from tests.facebook import GraphShop, new_page, running_facebook, serving_graph
from tests.graph import FakeGraph
from tests.servers import Server
from tests.service import APP_SECRET, SEAL_KEY, TOKEN_KEY, VERIFY_TOKEN, Service
from tests.support import wait_until_blocking

CANARY: Final = "canary-កាណារី"
PHONE: Final = "012 000 987"
PSID: Final = "7011122233344466"
MID: Final = "m_canary-of-the-trace"
TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
PARENT: Final = "b7ad6b7169203331"
HIDDEN: Final = (
    *("canary", "កាណារី", PSID, "000 987", "12000987", MID, "shop-traced", "EAA", "sha256=", "tracestate", "strangers"),
    *(APP_SECRET.reveal(), TOKEN_KEY.reveal(), VERIFY_TOKEN.reveal(), SEAL_KEY.reveal()),
)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of spans."""
    with collecting() as running:
        yield running


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    """A Graph for this test only."""
    with running_facebook() as running:
        yield running


@pytest.fixture
def traced(valkey: Server, graph: FakeGraph, collector: Collector, tmp_path: Path) -> Iterator[Service]:
    """A service that soon sends its spans to the collector."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with serving_graph(valkey.url, tmp_path / "log", graph, **settings) as service:
        yield service


def test_spans_describe_requests_and_contain_no_content_person_or_secret(
    traced: Service, graph: FakeGraph, collector: Collector
) -> None:
    """There is a delivery, a forged one, calls of the store, reads with ids and texts in their addresses, and a failure
    of Facebook.
    """
    page = new_page(graph.world)
    graph.world.add_post(page, CANARY)
    with Facebook(traced.url) as facebook, GraphShop(traced.url, "shop-traced") as shop:
        shop.bring(page)
        facebook.text(MID, f"{CANARY} {PHONE}", page=page.id, customer=PSID)
        assert facebook.deliver(b"{}", [(b"X-Hub-Signature-256", b"sha256=" + b"0" * 64)]).status_code == 401
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "strangers=words"}
        answer = shop.client.get(f"/messages/{MID}", headers=headers)
        assert answer.json()["phone_numbers"] == ["+85512000987"]
        shop.client.get("/messages", params={"conversation": f"{page.id}_{PSID}", "canary": CANARY})
        shop.client.get(f"/{CANARY}")
        assert shop.ask(page.id, "posts").status_code == 200
        graph.faults.script("published_posts", Fails(190, 460))
        assert shop.ask(page.id, "posts").status_code == 409

    wait_until_blocking(lambda: len(_posts(collector)) == 2, within=60)
    assert traced.terminate() == 0  # the remaining spans are sent before the process ends

    (read,) = collector.named("GET /v1/shops/{shop}/messages/{id}")
    assert (read.trace, read.parent) == (TRACE, PARENT)
    assert read.told == {
        "page_inbox.request_id": answer.headers["x-request-id"],
        "http.request.method": "GET",
        "http.route": "/v1/shops/{shop}/messages/{id}",
        "http.response.status_code": 200,
    }
    logged = {line["request_id"] for line in traced.lines() if line["event"] == "request"}
    assert {span.told["page_inbox.request_id"] for span in collector.spans() if "http.route" in span.told} == logged

    delivered, forged = collector.named("POST /webhook")
    assert (delivered.told["page_inbox.outcome"], forged.told["page_inbox.outcome"]) == (
        "accepted",
        "signature_refused",
    )
    (stored,) = collector.named("store batch")
    assert (stored.told, stored.parent) == ({"page_inbox.outcome": "ok", "page_inbox.messages": 1}, "")
    for asked, outcome in zip(_posts(collector), ("ok", "reconnect_page"), strict=True):
        (called,) = [s for s in collector.spans() if s.trace == asked.trace and s.name.startswith("graph posts")]
        assert (called.told["page_inbox.edge"], called.failed) == ("posts", outcome != "ok")

    raw = b"".join(collector.raw)
    assert [hidden for hidden in HIDDEN if hidden.encode() in raw] == []
    assert page.id.encode() not in raw
    assert not [asked for asked in graph.seen.requests if TRACE in repr(asked) or "traceparent" in asked.headers]


def _posts(collector: Collector) -> list[Span]:
    return collector.named("GET /v1/shops/{shop}/pages/{page}/posts")


def test_a_missing_collector_does_not_disturb_requests_or_the_stop(valkey: Server, tmp_path: Path) -> None:
    """The service drops the spans, answers requests and stops normally."""
    with running_facebook() as graph:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with serving_graph(valkey.url, tmp_path / "log", graph, **settings) as service:
            with Shop(service.url) as shop:
                shop.connect()
                assert shop.get("/messages")["messages"] == []
            assert service.terminate() == 0


def test_without_tracing_the_service_loads_no_tracing_module() -> None:
    """Without tracing, the service loads neither the part that makes spans nor the part that sends them.

    If the library for tracing is installed, redis-py itself imports a part of it.
    """
    look = "import app.cli, sys; print(*{'ops.tracing', 'opentelemetry.sdk.trace', 'opentelemetry.exporter'} "
    look += "& set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)  # noqa: S603
    assert told.stdout.strip() == ""
