"""Debian's Prometheus for tests: promtool and the server."""

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests import debian
from tests.servers import free_ports
from tests.service import START_SECONDS, started
from tests.support import wait_until_blocking

PROGRAMS: Final = ("promtool", "prometheus")


def program(name: str) -> Path:
    """Returns one of the two programs: this machine's own, or the downloaded one.

    Raises:
        Absent: this machine does not have the program and cannot fetch it. The text gives the reason.
    """
    return debian.program(name, package="prometheus", programs=PROGRAMS)


def promtool(*arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run promtool. Returns its output and its exit code. For `test`, both streams are in `stdout`, in order.

    Raises:
        Absent: this machine has no promtool.
    """
    command = [str(program("promtool")), *arguments]
    return subprocess.run(  # noqa: S603 - our own arguments
        command,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if arguments[0] == "test" else subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def api(self, path: str, **query: str) -> Any:
        """Returns `data` of an answer of its API, or None if it refuses or does not run yet."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=5) as answer:
                return json.load(answer)["data"]
        except urllib.error.URLError:
            return None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Returns the present samples of an expression. Raises AssertionError if it is refused."""
        found = self.api("query", query=expression)
        assert found is not None, expression
        result: list[dict[str, Any]] = found["result"]
        return result

    def firing(self) -> set[tuple[str, str]]:
        """Returns the alerts that fire now: job and name."""
        found = self.api("alerts") or {"alerts": []}
        labels = [alert["labels"] for alert in found["alerts"] if alert["state"] == "firing"]
        return {(label.get("job", ""), label["alertname"]) for label in labels}

    def wait_for_scrape(self) -> None:
        """Wait until some target was scraped again."""
        before = self._scrapes()
        wait_until_blocking(lambda: self._scrapes() != before, within=START_SECONDS)

    def _scrapes(self) -> list[Any]:
        return [sample["value"][1] for sample in self.query("count_over_time(up[10m])")]


@contextmanager
def running(directory: Path, targets: Mapping[str, int], rules: str = "groups: []") -> Iterator[Prometheus]:
    """Yields a server that scrapes these ports of this machine every two seconds, each as a job, and evaluates these
    rules.

    Raises:
        Absent: this machine cannot have the server.
    """
    (directory / "rules.yaml").write_text(rules)
    config = {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
        "rule_files": [str(directory / "rules.yaml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in targets.items()
        ],
    }
    (directory / "prometheus.yaml").write_text(json.dumps(config))  # YAML includes JSON
    (port,) = free_ports(1)
    command = [
        str(program("prometheus")),
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = directory / "prometheus.log"
    with started(command, log, dict(os.environ)) as process:
        server = Prometheus(f"http://127.0.0.1:{port}")
        wait_until_blocking(lambda: process.poll() is not None or server.api("targets"), within=START_SECONDS)
        assert process.poll() is None, log.read_text()
        yield server
