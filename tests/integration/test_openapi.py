"""The running service compared with its own description: the test tries everything that the description allows."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from domain.shop import EVERY_SHOP
from simulator.graph_made_up import made_up
from tests.callers import Facebook, mint
from tests.facebook import GraphShop, new_page, running_facebook, serving_graph
from tests.service import Service
from tests.support import NO_TLS

EXAMPLES = 4
"""Examples for each call and phase. All of them take about half a minute on a busy machine."""

BUSY_SECONDS = 400
"""Seconds on a busy machine. The test takes 25 seconds of processor time."""

CONFIG = """
[[operations]]
# It never ends; test_stream.py holds it against its description.
include-path-regex = "/stream$"
enabled = false

[[operations]]
include-method = "GET"
include-path-regex = "/(messages|conversations|audit|posts|videos|comments|replies)$"
# No schema can tell the cursors that we have handed out from others, which are 400.
checks.positive_data_acceptance.enabled = false

[[operations]]
include-method = "PATCH"
# No schema can tell an end of a pause that is later than now from others, which are 400.
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path-regex = "/mark$"
# No schema can tell a label in the shop's list from others, which are 400.
checks.positive_data_acceptance.enabled = false
"""


@pytest.mark.timeout(BUSY_SECONDS + 60)
def test_no_call_gets_a_5xx_and_every_answer_matches_the_description(valkey_url: str, tmp_path: Path) -> None:
    """With a token for every shop, the test sends the examples, limits, random valid and invalid calls, and sequences
    of calls.

    It compares status, media type, headers and body with the description. Invalid calls are refused, valid ones are
    accepted, and no call is answered without the token. Every run sends the same calls.
    """
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with (
        running_facebook() as graph,
        serving_graph(valkey_url, tmp_path / "log", graph) as service,
        Facebook(service.url) as facebook,
        GraphShop(service.url, "demo") as shop,
    ):
        shop.connect()
        page = new_page(graph.world)
        made_up(graph.world, page, posts=2, comments=3, videos=1, conversations=2)
        shop.bring(page)
        assert all(facebook.text(f"m_{n}").status_code == 200 for n in range(3))
        tried = subprocess.run(  # noqa: S603 - our own command
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml")),
                *("run", f"{service.url}/openapi.json", "-H", f"Authorization: Bearer {mint(EVERY_SHOP)}"),
                *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color", "--warnings", "off"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=BUSY_SECONDS,
            check=False,
        )
        assert tried.returncode == 0, tried.stdout + tried.stderr
        assert f"Tested: {len(described(service) - {'GET /stream'})}" in tried.stdout
        assert [line for line in service.lines() if line.get("status", 0) >= 500] == []


def test_the_description_is_openapi_3_1_and_has_every_call_of_the_contract(service: Service) -> None:
    """Every caller can read the description without a token."""
    assert described(service) >= {
        *("GET /stream", "POST /stream-ticket"),
        *("GET /messages", "DELETE /messages", "GET /messages/{id}", "DELETE /messages/{id}"),
        *("GET /conversations", "DELETE /conversations/{id}", "GET /purges/{purge_id}"),
        *("GET ", "PATCH ", "GET /pages", "GET /pages/{page}", "PUT /pages/{page}", "DELETE /pages/{page}"),
        *("PATCH /pages/{page}", "DELETE /customers/{psid}"),
        *(f"{method} /conversations/{{id}}/blocked" for method in ("GET", "PUT", "DELETE")),
        *("GET /pages/{page}/posts", "GET /pages/{page}/videos", "GET /pages/{page}/posts/{post}/comments"),
        *("GET /pages/{page}/comments/{comment}/replies", "GET /pages/{page}/customers/{psid}"),
        *("GET /pages/{page}/conversations", "GET /pages/{page}/conversations/{id}/messages"),
    }


def described(service: Service) -> set[str]:
    """Returns the calls in the description, without the beginning that all their paths share."""
    document = httpx2.get(f"{service.url}/openapi.json", trust_env=False, verify=NO_TLS).json()
    assert document["openapi"].startswith("3.1")
    return {
        f"{method.upper()} {path.removeprefix('/v1/shops/{shop}')}"
        for path, methods in document["paths"].items()
        for method in methods
    }
