"""The measured servers. A server is started on its core, called until it answers, and always stopped afterwards."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.machine import Core, on_core
from cache.embedded.tether import spawn

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.002

KEPT_FROM_HERE: Final = ("PATH", "HOME", "LANG", "TMPDIR")
"""The variables that a server gets from this environment. A measurement must not depend on other exported settings."""


@dataclass(frozen=True, slots=True)
class Process:
    """A server on `port` of loopback."""

    port: int
    popen: "subprocess.Popen[bytes]"
    ready_after: float
    """The seconds from its start to its first good answer."""

    def cpu_seconds(self) -> float:
        """Returns the processor time so far, of all its threads and workers, or 0 if the system does not report it."""
        nanoseconds = 0
        for pid in (self.popen.pid, *self.workers()):
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def workers(self) -> list[int]:
        """Returns the processes that it has started, or none if the system does not report them."""
        pid = self.popen.pid
        try:
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def resident_bytes(self) -> int:
        """Returns its memory, or 0 if the system does not report it."""
        try:
            return int(Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        except OSError:
            return 0


def free_port() -> int:
    """Returns a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    port: int,
    ready: tuple[int, str],
    core: Core = "measured",
) -> Iterator[Process]:
    """Starts `command`, and yields the server when `ready` (a port and a path) answers with a status below 500. Raises:
    RuntimeError: the server does not answer. The message has the end of its log.
    """
    settings = {name: os.environ[name] for name in KEPT_FROM_HERE if name in os.environ} | dict(environment)
    whole = [shutil.which("env") or "env", "-i", *(f"{name}={value}" for name, value in settings.items()), *command]
    log.parent.mkdir(parents=True, exist_ok=True)
    nothing = os.open(os.devnull, os.O_RDONLY)
    began = time.perf_counter()
    try:
        with on_core(core):
            popen = spawn(whole, log=log, keep_open=nothing, environment={})
    finally:
        os.close(nothing)
    try:
        while not _answers(*ready):
            if popen.poll() is not None or time.perf_counter() - began > START_SECONDS:
                raise RuntimeError(f"{command} does not answer:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(POLL_SECONDS)
        yield Process(port, popen, time.perf_counter() - began)
    finally:
        _stop(popen)


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = connection.recv(4096)
    except OSError:
        return False
    return answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4"))


def _stop(popen: "subprocess.Popen[bytes]") -> None:
    popen.terminate()
    try:
        popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
