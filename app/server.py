"""Sockets and servers: makes the listening sockets of this service and configures uvicorn."""

import asyncio
import resource
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
import uvloop

from app.edge import KEEP_ALIVE_SECONDS
from domain.errors import PageInboxError

GRACE_SECONDS: Final = 15
"""Seconds that open requests have to end after SIGTERM. A request that waits for Facebook takes at most twelve."""
CLOSE_SECONDS: Final = 5.0
"""Seconds that background tasks then have to end. An orchestrator usually allows thirty seconds for the whole stop."""
OPEN_FILES: Final = 65_536
LEAST_OPEN_FILES: Final = 1024
"""The smallest accepted limit of open files. Half is for connections, half for everything else (SPARE_FILES). By
default every operating system allows at least this number."""
UNREAD_SECONDS: Final = 60
"""Linux drops a connection whose other side reads nothing for this time (tcp(7), TCP_USER_TIMEOUT). Otherwise the
unsent data would stay in memory for a quarter of an hour, or for ever."""
BACKLOG: Final = 2048
ACCEPTED_EACH_TURN: Final = 32
"""In one iteration, the event loop accepts one connection from each listening socket (libuv 1.45 and newer), and under
load an iteration takes long. With one socket, two thousand new connections of other callers delay a new connection of
Facebook by ten seconds."""

_POLL_SECONDS: Final = 0.01

LOOPBACK: Final = ("127.0.0.1", "::1")


class PortRefused(PageInboxError):
    """Raised when the service cannot listen on a port. The sentence names the setting to change."""


class TooFewFiles(PageInboxError):
    """Raised when the limit of open files is too low. The sentence says how to raise the limit."""


class _Server(uvicorn.Server):
    """A server that handles no signals, because this process has two servers and handles the signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals."""
        yield


def listen(host: str, port: int, setting: str, *, shared: bool = False) -> socket.socket:
    """Returns a listening socket. If `shared` is true, other processes can listen on the same port (SO_REUSEPORT).

    Raises:
        PortRefused: the port is in use or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
    except OSError as error:
        sentence = f"Cannot listen on {host}:{port} ({error.strerror}). Set {setting} to another port, or 0 for any."
        raise PortRefused("port_refused", sentence) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
    # All copies of a socket are blocking or none is. At SIGHUP the event loop would wait in accept() of a blocking
    # copy.
    listening.setblocking(False)
    return listening


def reserve(host: str, port: int) -> socket.socket:
    """Returns a socket that reserves the port for the worker processes and does not listen."""
    reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((host, port))
    return reserved


def make_server(
    app: Any,
    *,
    lifespan: bool = False,
    proxies: Sequence[str] = (),
    protocol: Any = "httptools",
) -> uvicorn.Server:
    """Returns a server that handles no signals. Give its `serve` the sockets, and set `should_exit` to end it.

    If a request comes from one of `proxies` or from this machine, the caller's address is taken from `X-Forwarded-For`.
    `protocol` makes the connections.
    """
    config = uvicorn.Config(
        app,
        loop="none",
        http=protocol,
        ws="none",
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        forwarded_allow_ips=[*LOOPBACK, *proxies],
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        workers=1,  # otherwise uvicorn reads WEB_CONCURRENCY
    )
    return _Server(config)


def raise_open_files() -> None:
    """Raise the limit of open files. Each viewer of a stream is an open file, and the usual limit is only 1,024.

    Raises:
        TooFewFiles: the system does not allow enough open files.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < LEAST_OPEN_FILES:
        sentence = (
            f"This process may open {hard} files and needs {LEAST_OPEN_FILES}: each connection is one. Raise the limit "
            f"to {OPEN_FILES}: `ulimit -n`, LimitNOFILE= of systemd, or --ulimit nofile= of the container."
        )
        raise TooFewFiles("too_few_files", sentence)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def accepting(listening: socket.socket) -> list[socket.socket]:
    """Returns ACCEPTED_EACH_TURN copies of a socket. The server accepts one connection of each copy in an iteration."""
    return [listening.dup() for _ in range(ACCEPTED_EACH_TURN)]


async def started(server: uvicorn.Server) -> bool:
    """Wait until the server accepts requests or must end. Returns True if it accepts requests."""
    while not server.started and not server.should_exit:  # noqa: ASYNC110 - uvicorn sets no event
        await asyncio.sleep(_POLL_SECONDS)
    return server.started


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main` on uvloop until it returns."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
