"""Starts `page-inbox` processes quickly: a process that has loaded the program forks once for each start.

Loading takes a second of processor time, and the tests start hundreds of processes. After the loading everything is as
in production: arguments, environment, standard streams, signals and exit code. Tests of the loading itself run
`tests.service.page_inbox` as a program.
"""

import atexit
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

_MOST_BYTES: Final = 1 << 17
"""Bytes of one request: the arguments and the environment."""
_STATUS_BYTES: Final = 4

_LATER: Final = (
    "api.docs_page",
    "api.openapi",
    "app.factory",
    "app.process",
    "app.supervisor",
    "httpx2",
    "phonenumbers",
)
"""Modules that a process would otherwise load when it first uses them."""

_servers: Final[list[socket.socket]] = []
"""The connection to this process's fork server, after the first start."""


class Process:
    """A running `page-inbox`, used like a `subprocess.Popen`. `returncode` is negative for a signal."""

    def __init__(self, status: int) -> None:
        self._status = status
        self.pid = self._read()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Returns the exit code if the process has ended."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("page-inbox", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = os.waitstatus_to_exitcode(self._read())
            os.close(self._status)
        return self.returncode

    def _read(self) -> int:
        number = os.read(self._status, _STATUS_BYTES)
        assert len(number) == _STATUS_BYTES, "the fork server could not load page-inbox; its message is above"
        return int.from_bytes(number, "big")


def start(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    streams: tuple[IO[Any], IO[Any], IO[Any]],
    *,
    open_files: int = 0,
) -> Process:
    """Start `page-inbox` with these arguments, only this environment, and these files as its standard streams.
    `open_files` is its limit of open files, as `ulimit -n` sets it. 0 does not change the limit."""
    if not _servers:
        _servers.append(_start_server())
    request = {"arguments": arguments, "environ": dict(environ), "cwd": str(Path.cwd()), "open_files": open_files}
    readable, writable = os.pipe()
    try:
        files = [*(stream.fileno() for stream in streams), writable]
        socket.send_fds(_servers[0], [json.dumps(request).encode()], files)
    finally:
        os.close(writable)
    return Process(readable)


def _start_server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the tests, which end the processes that they started
        )
    atexit.register(_end_server, server, ours)
    return ours


def _end_server(server: "subprocess.Popen[bytes]", connection: socket.socket) -> None:
    connection.close()
    server.wait()


def main() -> None:
    """Serve requests until the tests end."""
    cli = importlib.import_module("app.cli")
    for module in (*sorted(set(cli.COMMANDS.values())), *_LATER):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the children share the memory of what is loaded
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        request, files, _, _ = socket.recv_fds(control, _MOST_BYTES, 4)
        if not request:  # the tests have ended, perhaps without ending these processes
            os.killpg(0, signal.SIGKILL)
        if os.fork() == 0 and _watch(files[3]) == 0:
            control.close()
            _run(json.loads(request), files)
            return
        for file in files:
            os.close(file)
        with suppress(ChildProcessError):  # no process is left
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def _watch(status: int) -> int:
    """Fork again, and report the child's id and then its end. Returns only in the child."""
    child = os.fork()
    if child:
        os.write(status, child.to_bytes(_STATUS_BYTES, "big"))
        _, code = os.waitpid(child, 0)
        os.write(status, code.to_bytes(_STATUS_BYTES, "big"))
        os._exit(0)
    return child


def _run(request: dict[str, Any], files: Sequence[int]) -> None:
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environ"])
    if limit := request["open_files"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    sys.argv[:] = ["page-inbox", *request["arguments"]]
    importlib.import_module("app.start").main()


if __name__ == "__main__":
    main()
