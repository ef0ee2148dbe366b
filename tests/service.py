"""Starts `page-inbox serve` as a separate process, with production settings, on free ports."""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson

from domain.secret import Secret
from tests import fork_server
from tests.support import NO_TLS, wait_until_blocking

APP_SECRET: Final = Secret("app-secret-of-the-test-service")
VERIFY_TOKEN: Final = Secret("verify-token-of-the-test-service")
TOKEN_KEY: Final = Secret("token-key-of-the-test-service-32")
SEAL_KEY: Final = Secret(base64.b64encode(b"seal-key-of-the-test-service-32b").decode())
"""No secret is a part of another secret, so a test that searches a log for one secret does not find a different
secret."""

START_SECONDS: Final = 40.0
"""Seconds until a service has started. Usually it takes one. The limit is higher, because the two cores may be busy
with other programs."""
STOP_SECONDS: Final = 40.0
"""Seconds until a service has ended. The service's own grace is fifteen."""


Process = fork_server.Process | subprocess.Popen[bytes]
"""A process of the fork server or of a program. Both are used in the same way."""

_AS_PROGRAM: Final = os.environ.get("FAULT_EFFORT") == "full"
"""True if every service is started as in production. The times in docs/reliability.md include the loading."""


def page_inbox(*arguments: str) -> list[str]:
    """Returns the command line of the program itself, with the Python that runs the tests."""
    return [sys.executable, "-m", "app", *arguments]


def run_command(
    arguments: Sequence[str],
    environ: dict[str, str],
    *,
    typed: str = "",
    within: float = START_SECONDS,
    open_files: int = 0,
) -> "subprocess.CompletedProcess[str]":
    """Run a command of `page-inbox` to its end, with `typed` on its standard input.

    Raises:
        subprocess.TimeoutExpired: it runs for longer than `within` seconds.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        given.write(typed.encode())
        given.seek(0)
        process = fork_server.start(arguments, environ, (given, output, errors), open_files=open_files)
        try:
            code = process.wait(within)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read().decode(), errors.read().decode())


def environment(redis_url: str | None, **settings: str) -> dict[str, str]:
    """Returns what `serve` needs, without this machine's settings. `settings` replace the usual ones. An empty value
    removes a setting."""
    chosen = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}},
        "REDIS_URL": redis_url or "",
        "FACEBOOK_APP_SECRET": APP_SECRET.reveal(),
        "FACEBOOK_VERIFY_TOKEN": VERIFY_TOKEN.reveal(),
        "TOKEN_KEYS": TOKEN_KEY.reveal(),
        "SEAL_KEYS": SEAL_KEY.reveal(),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "OPS_PORT": "0",
        "CONNECT_WITHOUT_TOKEN": "shop",
        **settings,
    }
    return {name: value for name, value in chosen.items() if value}


@dataclass
class Service:
    """A running service. `url` and `ops_url` have no slash at their end. `log` has all its output."""

    process: Process
    log: Path
    port: int
    ops_port: int
    _lines: list[dict[str, Any]] = field(default_factory=list)
    _parsed: int = 0
    """Bytes of the log that `_lines` holds."""

    @property
    def url(self) -> str:
        """Returns the address of the public port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ops_url(self) -> str:
        """Returns the address of the operators' port."""
        return f"http://127.0.0.1:{self.ops_port}"

    def workers(self) -> list[int]:
        """Returns the processes that it has started and that still run."""
        pid = self.process.pid
        try:
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def answers(self, path: str) -> bool:
        """Returns True if the operators' port answers 200 there."""
        try:
            return httpx2.get(f"{self.ops_url}{path}", trust_env=False, verify=NO_TLS, timeout=2).status_code == 200
        except httpx2.TransportError:
            return False

    def terminate(self) -> int:
        """Send SIGTERM, and wait for the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Send SIGKILL, so that the service has no time to end."""
        self.process.kill()
        self.process.wait()

    def lines(self) -> list[dict[str, Any]]:
        """Returns the whole lines that it has logged. Each call parses only the new lines."""
        with self.log.open("rb") as log:
            log.seek(self._parsed)
            whole, end, _ = log.read().rpartition(b"\n")
        self._parsed += len(whole + end)
        self._lines += map(orjson.loads, whole.splitlines())
        return self._lines.copy()


@contextmanager
def serving(
    redis_url: str, log: Path, *, ready: str = "/readyz", open_files: str = "", **settings: str
) -> Iterator[Service]:
    """Yields a service that answers `ready` on its operators' port (`/livez` while there is no Redis). `open_files` is
    its limit of open files. The service is always ended afterwards."""
    if _AS_PROGRAM:
        with serving_program(redis_url, log, ready=ready, open_files=open_files, **settings) as service:
            yield service
        return
    with forked(["serve"], log, environment(redis_url, **settings), open_files=int(open_files or 0)) as process:
        yield _serving(process, log, ready)


@contextmanager
def serving_program(
    redis_url: str, log: Path, *, ready: str = "/readyz", open_files: str = "", **settings: str
) -> Iterator[Service]:
    """Yields such a service that is started as in production. The start takes a second of processor time."""
    limit = f"ulimit -n {open_files}; " if open_files else ""
    command = ["sh", "-c", f'{limit}exec "$@"', "sh", *page_inbox("serve")]
    with started(command, log, environment(redis_url, **settings)) as process:
        yield _serving(process, log, ready)


def _serving(process: Process, log: Path, ready: str) -> Service:
    wait_until_blocking(lambda: _listening(process, log), within=START_SECONDS)
    told = _listening(process, log)
    service = Service(process, log, told["port"], told["ops_port"])
    wait_until_blocking(lambda: service.answers(ready), within=START_SECONDS)
    return service


@contextmanager
def forked(
    arguments: Sequence[str], log: Path, environ: dict[str, str], *, open_files: int = 0
) -> Iterator[fork_server.Process]:
    """Yields `page-inbox` with its output in `log`. It is ended afterwards."""
    with log.open("ab") as output, Path(os.devnull).open("rb") as nothing:
        process = fork_server.start(arguments, environ, (nothing, output, output), open_files=open_files)
    with _ended_afterwards(process):
        yield process


@contextmanager
def started(command: Sequence[str], log: Path, environ: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """Yields a process with its output in `log`. It is ended afterwards."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    with _ended_afterwards(process):
        yield process


@contextmanager
def _ended_afterwards(process: Process) -> Iterator[None]:
    """End the process with SIGTERM first, so that it ends its own children."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listening(process: Process, log: Path) -> dict[str, Any]:
    """Returns the last line with its ports, when the line is there. A log may contain an earlier run."""
    assert process.poll() is None, f"it ended with {process.returncode} and said:\n{log.read_text()}"
    told: dict[str, Any] = {}
    for line in log.read_text().splitlines():
        if '"event":"listening"' in line:
            told = json.loads(line)
        elif '"event":"closed"' in line:
            told = {}
    return told
