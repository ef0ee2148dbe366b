"""Debian's Prometheus for tests: promtool and the server, fetched once into `.cache/prometheus`, installed nowhere."""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.servers import CACHE, Absent, free_ports
from tests.support import wait_until_blocking

HOME: Final = CACHE / "prometheus"
PROGRAMS: Final = ("promtool", "prometheus")
DOWNLOAD_SECONDS: Final = 120
"""Some 20 MB."""
START_SECONDS: Final = 20.0


def program(name: str) -> Path:
    """One of the two programs: this machine's own, or the fetched one.

    Raises:
        Absent: this machine has neither and cannot fetch it; says why.
    """
    own = shutil.which(name)
    if own is not None:
        return Path(own)
    if not HOME.exists():
        _fetch()
    return HOME / name


def _fetch() -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise Absent(f"Prometheus: there is no {tool} on this machine")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        place = Path(scratch)
        try:
            _tool("apt-get", "download", "prometheus", cwd=place)
        except Absent:
            if os.geteuid() != 0:
                raise
            _tool("apt-get", "update", cwd=place)  # a fresh machine does not know its packages yet
            _tool("apt-get", "download", "prometheus", cwd=place)
        for package in place.glob("*.deb"):
            _tool("dpkg", "-x", str(package), "tree", cwd=place)
        found = place / "found"
        found.mkdir()
        for name in PROGRAMS:
            shutil.move(place / "tree/usr/bin" / name, found / name)
            _tool(str(found / name), "--version", cwd=place)
        if not HOME.exists():  # another run may have been quicker
            found.rename(HOME)


def _tool(*command: str, cwd: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands
            command, cwd=cwd, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Absent(f"Prometheus: {command[0]} took longer than {error.timeout:.0f} s") from None
    except OSError as error:
        raise Absent(f"Prometheus: {command[0]} does not run here: {error.strerror}") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Absent(f"Prometheus: {command[0]} {command[1]} failed: {last}")


def promtool(*arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run promtool to its end; what it wrote and its exit code.

    Raises:
        Absent: there is none.
    """
    command = [str(program("promtool")), *arguments]
    return subprocess.run(  # noqa: S603 - our own arguments
        command, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def api(self, path: str, **query: str) -> Any:
        """`data` of an answer of its API; None where it refuses or is not there yet."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=5) as answer:
                return json.load(answer)["data"]
        except urllib.error.URLError:
            return None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now. AssertionError where it is refused."""
        found = self.api("query", query=expression)
        assert found is not None, expression
        result: list[dict[str, Any]] = found["result"]
        return result

    def firing(self) -> set[str]:
        """Names of the alerts that fire now."""
        found = self.api("alerts") or {"alerts": []}
        return {alert["labels"]["alertname"] for alert in found["alerts"] if alert["state"] == "firing"}


@contextmanager
def running(directory: Path, targets: Sequence[str], rules: str = "groups: []") -> Iterator[Prometheus]:
    """A server that scrapes these `host:port` each second, as the job `page-inbox`, and evaluates these rules.

    Raises:
        Absent: this machine cannot have one.
    """
    (directory / "rules.yaml").write_text(rules)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(directory / "rules.yaml")],
        "scrape_configs": [{"job_name": "page-inbox", "static_configs": [{"targets": list(targets)}]}],
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
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - our own command
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        wait_until_blocking(lambda: process.poll() is not None or server.api("targets"), within=START_SECONDS)
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
