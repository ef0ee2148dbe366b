"""Checks how a container of the image behaves: with restrictions, at its stop, and in the end-to-end tests."""

import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis

from cache.embedded.valkey import Embedded
from simulator.serialize import serialize
from simulator.signing import signed
from tests import service
from tests.callers import Shop, texts
from tests.image.machine import HOME, ROOT, environment
from tests.image.report import CheckFailed, require
from tests.image.running import GRACE_SECONDS, Container, running, server_arguments
from tests.servers import free_ports

IDLE_SECONDS: Final = 2.0
"""An idle service stops within this time."""
SLOW_SECONDS: Final = 3.0
"""Duration of the request that is in progress at SIGTERM. It must be answered."""
NO_CAPABILITY: Final = "0" * 16

END_TO_END: Final = ("test_delivery.py", "test_handshake.py", "test_refusals.py", "test_openapi.py", "test_graph.py")
"""The end-to-end tests that work with a container: they do not kill the service and do not read its files."""


def settings(redis_url: str = "redis://127.0.0.1:1/0", **others: str) -> dict[str, str]:
    """Returns the settings that `serve` needs. By default, there is no Redis."""
    chosen = service.environment(redis_url, **others)
    return {key: value for key, value in chosen.items() if key not in {"PATH", "HOME", "LANG", "TMPDIR"}}


def runs_restricted(name: str, _base: str) -> str:
    """Check that it runs read-only, without capabilities and without a network, and can write to /tmp only.

    Returns its resident memory.
    """
    with running(name, settings(PORT="8000", OPS_PORT="9000", HOST=""), network="none") as container:
        container.wait_for("http://127.0.0.1:9000/livez")
        ready, why = container.http("http://127.0.0.1:9000/readyz")
        require((ready, '"redis"' in why) == (503, True), f"without Redis /readyz answered {ready}")
        status = container.status()
        sets = {key: value for key, value in status.items() if key.startswith("Cap")}
        require(set(sets.values()) == {NO_CAPABILITY}, f"capabilities: {sets}")
        require(status["NoNewPrivs"] == "1", "a program inside may gain privileges")
        require(set(status["Uid"].split()) == {"10001"}, f"it runs as {status['Uid']}")
        for place in ("/", "/opt/venv/bin", "/var/cache", "/root", "/run", "/var/tmp"):  # noqa: S108 - paths in a container
            require(not _may_write(container, place), f"it may write to {place}")
        require(_may_write(container, "/tmp"), "it may not write to /tmp")  # noqa: S108 - a memory file system
        return f"{container.resident_megabytes():.0f} MB resident"


def _may_write(container: Container, place: str) -> bool:
    program = (
        f"import tempfile\ntry:\n    tempfile.TemporaryFile(dir={place!r}); print('yes')\n"
        "except OSError:\n    print('no')"
    )
    return container.python(program) == "yes"


def is_process_one(name: str, _base: str) -> str:
    """Check that the server is process 1 and the only process. Returns its command."""
    with running(name, settings(PORT="8000", OPS_PORT="9000", HOST=""), network="none") as container:
        container.wait_for("http://127.0.0.1:9000/livez")
        words = Path(f"/proc/{container.pid}/cmdline").read_bytes().split(b"\0")
        require(words[1:3] == [b"/opt/venv/bin/page-inbox", b"serve"], f"process 1 is {b' '.join(words).decode()}")
        require(container.status()["NSpid"].split()[-1] == "1", "the server is not process 1")
        inside = container.python("import os; print(*(n for n in os.listdir('/proc') if n.isdigit()))").split()
        require(len(inside) == 2, f"processes {inside}; expected the server and the process of this check")
        return b" ".join(words[1:]).decode().strip()


def stops_when_idle(name: str, _base: str) -> str:
    """Check that an idle service stops at once with exit code 0. Returns the duration."""
    with running(name, settings(PORT="8000", OPS_PORT="9000", HOST=""), network="none") as container:
        container.wait_for("http://127.0.0.1:9000/livez")
        seconds, code = container.stop()
        require(code == 0, f"exit code {code} when idle")
        require(seconds < IDLE_SECONDS, f"{seconds:.1f} s; at most {IDLE_SECONDS:.0f}")
        return f"{seconds:.2f} s, exit code 0"


@contextmanager
def store(place: Path) -> Iterator[str]:
    """Start a Valkey with the options of compose.yaml on a free port. Yields its URL."""
    port = free_ports(1)[0]
    extra = [*server_arguments(), "--port", str(port), "--bind", "127.0.0.1"]
    with Embedded.start(place / "valkey", extra=extra):
        yield f"redis://127.0.0.1:{port}/0"


def finishes_requests_in_progress(name: str, _base: str) -> str:
    """Check that a delivery whose second half comes three seconds after SIGTERM is stored and answered 200.

    Returns a summary.
    """
    port, ops_port = free_ports(2)
    chosen = {"PORT": str(port), "OPS_PORT": str(ops_port)}
    with tempfile.TemporaryDirectory(prefix="inbox-") as scratch, store(Path(scratch)) as url:
        with running(name, settings(url, **chosen), network="host") as container:
            container.wait_for(f"http://127.0.0.1:{ops_port}/readyz")
            with Shop(f"http://127.0.0.1:{port}") as shop:
                shop.connect()
            ended: list[tuple[float, int]] = []
            stopping = threading.Thread(target=lambda: ended.append(container.stop()))
            answer = _slow_delivery(port, stopping.start)
            stopping.join(GRACE_SECONDS + 5)
        require(answer.startswith("HTTP/1.1 200 "), f"the delivery in progress was answered {answer!r}")
        seconds, code = ended[0]
        require(code == 0, f"exit code {code} after a delivery in progress")
        require(seconds < SLOW_SECONDS + IDLE_SECONDS, f"it ended after {seconds:.1f} s")
        with redis.Redis.from_url(url) as client:
            kept = len(list(client.scan_iter("m:*")))
        require(kept == 1, f"{kept} messages are stored; the delivery that was answered 200 has one")
    return f"200 after {SLOW_SECONDS:.0f} s, stored; ended after {seconds:.2f} s, exit code 0"


def _slow_delivery(port: int, half_way: Callable[[], None]) -> str:
    """Send a signed delivery in two halves, three seconds apart. Returns the first line of the answer."""
    raw = serialize(texts(["m_in_progress"]))
    headers = [(b"Host", b"127.0.0.1"), (b"Content-Type", b"application/json"), *signed(raw, service.APP_SECRET)]
    headers.append((b"Content-Length", str(len(raw)).encode()))
    head = b"".join(b"%s: %s\r\n" % pair for pair in headers)
    with socket.create_connection(("127.0.0.1", port), timeout=GRACE_SECONDS) as connection:
        connection.sendall(b"POST /webhook HTTP/1.1\r\n" + head + b"\r\n" + raw[: len(raw) // 2])
        time.sleep(0.2)  # nothing shows from outside that the first half was read
        half_way()
        time.sleep(SLOW_SECONDS)
        connection.sendall(raw[len(raw) // 2 :])
        return connection.recv(4096).partition(b"\r\n")[0].decode()


def passes_end_to_end_tests(name: str, _base: str) -> str:
    """Run the project's end-to-end tests with containers of this image and a real Valkey.

    Returns pytest's last line, and the largest memory of a container.
    """
    with tempfile.TemporaryDirectory(prefix="inbox-", dir=HOME) as scratch:
        peaks = Path(scratch) / "peaks"
        paths = [f"tests/integration/{file}" for file in END_TO_END]
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.image.in_container",
            "-p",
            "no:cacheprovider",
            *paths,
        ]
        # FAULT_EFFORT: each service starts as a program of its own, which `in_container` replaces by a container.
        more = {"PAGE_INBOX_IMAGE": name, "PAGE_INBOX_PEAKS": str(peaks), "FAULT_EFFORT": "full"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment() | more, capture_output=True, text=True, timeout=600, check=False
        )
        lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-300:]]
        if done.returncode != 0:
            raise CheckFailed("\n".join(lines[-15:]))
        used = [float(line) for line in peaks.read_text().split()]
        require(len(used) >= 2, "no container was started")
        return f"{lines[-1].strip('= ')}; {len(used)} containers, at most {max(used):.0f} MB of 256"
