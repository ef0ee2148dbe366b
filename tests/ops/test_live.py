"""A real Prometheus scrapes the real service: an alert fires when Redis stops, and the dashboard shows what happens."""

import copy
import json
import math
import re
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from domain.ids import Psid
from ops.metrics import METRICS
from simulator.graph_faults import OUTAGE, throttles
from simulator.payloads import from_customer
from tests.breakable import Breakable
from tests.callers import Facebook, Operator, Shop
from tests.debian import Absent
from tests.facebook import GraphShop, new_page, running_facebook, serving_graph
from tests.ops.judge import filled, panels
from tests.ops.rules import alone, read_rules
from tests.ops.test_faults import DASHBOARD
from tests.prometheus import Prometheus, promtool, running
from tests.service import serving
from tests.support import NO_TLS, wait_until_blocking
from tests.viewer import Viewer

WATCHED: Final = ("PageInboxNotScraped", "PageInboxRedisUnreachable", "PageInboxEveryDeliveryFails")
"""The alerts that a stop of Redis, and then of the service, must fire."""


def hurried(document: dict[str, Any], watched: Iterable[str]) -> str:
    """Returns these alerts with every window at ten seconds and every wait at one second."""
    chosen: list[dict[str, Any]] = []
    for name in watched:
        groups = alone(document, name)["groups"]
        chosen += [rule for group in groups for rule in group["rules"] if "alert" in rule]
    rules = copy.deepcopy(chosen)
    for rule in rules:
        rule["expr"] = re.sub(r"\[\d+[mhd]\]", "[10s]", rule["expr"])
        rule["for"] = "1s"
    return json.dumps({"groups": [{"name": "hurried", "rules": rules}]})


@pytest.mark.timeout(300)
def test_the_alert_fires_when_redis_stops_and_ends_when_it_is_back(breakable: Breakable, tmp_path: Path) -> None:
    """The rules are the installed rules with shorter windows and waits. After Redis, the service itself stops."""
    mids = count()
    with (
        serving(breakable.url, tmp_path / "log") as service,
        Facebook(service.url) as facebook,
        Shop(service.url) as shop,
        _or_skip(running(tmp_path, {"page-inbox": service.ops_port}, hurried(read_rules(), WATCHED))) as prometheus,
    ):
        shop.connect()

        def firing() -> set[str]:
            assert facebook.text(f"m_{next(mids)}").status_code in {200, 503}
            prometheus.wait_for_scrape()
            return {name for _, name in prometheus.firing()}

        def rising() -> bool:
            return firing() == set() and bool(prometheus.query("rate(page_inbox_store_seconds_count[10s]) > 0"))

        wait_until_blocking(rising, within=60)

        breakable.stop()
        down = {"PageInboxRedisUnreachable", "PageInboxEveryDeliveryFails"}
        wait_until_blocking(lambda: firing() == down, within=60)

        breakable.start()
        wait_until_blocking(lambda: firing() == set(), within=60)

        assert service.terminate() == 0
        wait_until_blocking(lambda: {name for _, name in prometheus.firing()} == {"PageInboxNotScraped"}, within=60)


def _or_skip(server: Any) -> Any:
    """Returns the server, or skips the test with the reason."""
    try:
        promtool("--version")
    except Absent as absent:
        pytest.skip(str(absent))
    return server


@pytest.mark.timeout(300)
def test_every_panel_shows_data_and_promtool_accepts_the_metrics(breakable: Breakable, tmp_path: Path) -> None:
    """Every query of the dashboard returns series at once, and numbers after a load.

    The test has its own Valkey. On a shared Valkey another service may sweep, and this service would then show no
    sweep.
    """
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    with (
        running_facebook() as graph,
        serving_graph(breakable.url, tmp_path / "log", graph) as service,
        GraphShop(service.url) as shop,
        Facebook(service.url) as facebook,
        Operator(service.ops_url) as operator,
        _or_skip(running(tmp_path, {"page-inbox": service.ops_port})) as prometheus,
    ):
        # Before anything happens: a panel may show no number (no request has a duration yet), but it shows its series.
        wait_until_blocking(lambda: bool(prometheus.query("count_over_time(up[1m]) > 1")), within=60)
        wait_until_blocking(
            lambda: not without_series(prometheus, dashboard),
            within=60,
            told=lambda: f"no series: {without_series(prometheus, dashboard)}",
        )

        page = new_page(graph.world)
        shop.bring(page)
        graph.faults.usage(page.id, call_count=30)
        mids = count()

        def load() -> None:
            assert facebook.text(f"m_{next(mids)}", page=page.id).status_code == 200
            assert facebook.deliver(b"{}", headers=[]).status_code == 401
            assert shop.ids()
            shop.purge()
            assert shop.ask(page.id, "posts").status_code == 200

        graph.faults.script(page.id, OUTAGE)
        load()
        graph.faults.script(page.id, throttles(80001, page=page.id))
        assert shop.ask(page.id, "posts").status_code == 429
        asked = "sum by (limit) (page_inbox_graph_holds_total) > 0"
        wait_until_blocking(lambda: prometheus.query(asked), within=60)

        other = new_page(graph.world)
        shop.bring(other)
        graph.faults.usage(other.id, call_count=30)

        missing = panels(dashboard)

        def full() -> bool:
            with Viewer(service.url, shop.name).ready() as viewer:
                assert facebook.text(f"m_{next(mids)}", page=other.id).status_code == 200
                read = from_customer(other.id, Psid("7000000000000001"), 1_770_000_000_000, read={"watermark": 1})
                assert facebook.part(read, page=other.id).status_code == 200
                viewer.wait_for("message")
            assert facebook.deliver(b"{}", headers=[]).status_code == 401
            assert shop.ids()
            shop.purge()
            shop.ask(other.id, "posts")
            prometheus.wait_for_scrape()
            missing[:] = [panel for panel in missing if not _shows_numbers(prometheus, panel)]
            return not missing

        # A sweep comes every thirty seconds, and a panel with its mean needs a sweep between two scrapes.
        wait_until_blocking(full, within=90, told=lambda: f"still empty: {[panel['title'] for panel in missing]}")

        scrape = operator.client.get("/metrics").text
        told = promtool("check", "metrics", stdin=scrape)
        assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
        assert {row.full_name for row in METRICS} == set(re.findall(r"^# TYPE (page_inbox_\w+) ", scrape, re.MULTILINE))
        public = httpx2.get(f"{service.url}/metrics", trust_env=False, verify=NO_TLS)
        assert not public.is_success, "never on the public port"


def without_series(prometheus: Prometheus, dashboard: dict[str, Any]) -> set[str]:
    """Returns the titles of panels that have a query without a result."""
    return {panel["title"] for panel in panels(dashboard) for target in panel["targets"]
            if not prometheus.query(filled(target["expr"]))}  # fmt: skip


def _shows_numbers(prometheus: Prometheus, panel: dict[str, Any]) -> bool:
    """Returns True if every query of a panel returns a number."""
    return all(
        any(not math.isnan(float(sample["value"][1])) for sample in prometheus.query(filled(target["expr"])))
        for target in panel["targets"]
    )
