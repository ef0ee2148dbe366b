"""Sockets and servers: how this service listens, and how uvicorn is set up for it."""

import asyncio
import gc
import resource
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import uvicorn
import uvloop

from app.delivery_connection import DeliveryConnection
from app.edge import KEEP_ALIVE_SECONDS, MOST_CONNECTIONS, SPARE_FILES, Edge
from app.edge_connection import EdgeConnection
from app.factory import Application
from domain.errors import PageInboxError

GRACE_SECONDS: Final = 15
"""What requests under way get to end after SIGTERM. Only those that wait for Facebook take long, at most twelve."""
OPEN_FILES: Final = 65_536
LEAST_OPEN_FILES: Final = 1024
"""Half for connections, half for everything else (SPARE_FILES). Every system grants it by default."""
UNREAD_SECONDS: Final = 60
"""A connection whose other side takes nothing for so long is dropped by the system (Linux; tcp(7), TCP_USER_TIMEOUT);
what waits for it would stay in memory for a quarter of an hour otherwise, or for ever."""
BACKLOG: Final = 2048
ACCEPTED_EACH_TURN: Final = 32
"""The event loop accepts one connection a turn from each listening socket (libuv, since 1.45), and turns are long when
much is to be done: two thousand strangers who connect would keep Facebook waiting for ten seconds."""

GARBAGE_OBJECTS: Final = 10_000
"""New objects after which the youngest are looked through: some 2 MB, in a millisecond."""

LOOPBACK: Final = ("127.0.0.1", "::1")


class PortRefused(PageInboxError):
    """A port that cannot be listened to; the sentence names the setting to change."""


class TooFewFiles(PageInboxError):
    """A limit of open files that is too low; the sentence says how to raise it."""


class _Server(uvicorn.Server):
    """A server that leaves the signals to us: there are two."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listen(host: str, port: int, setting: str, *, shared: bool = False) -> socket.socket:
    """A listening socket. `shared`: other worker processes listen on the same port (SO_REUSEPORT).

    Raises:
        PortRefused: taken, or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
    except OSError as error:
        sentence = f"Cannot listen on {host}:{port} ({error.strerror}). Set {setting} to another port, or 0 for any."
        raise PortRefused("port_refused", sentence) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
    return listening


def reserve(host: str, port: int) -> socket.socket:
    """A socket that listens to nothing and holds the port for the worker processes."""
    reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((host, port))
    return reserved


def make_server(
    app: Any,
    *,
    lifespan: bool,
    proxies: Sequence[str] = (),
    protocol: Any = "httptools",
) -> uvicorn.Server:
    """A server whose signals are somebody else's, to be given its sockets and told to end by `should_exit`.

    The caller's address is taken from `X-Forwarded-For` where the request comes from one of these proxies, or from this
    machine. `protocol` makes its connections.
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
        workers=1,  # else it reads WEB_CONCURRENCY by itself
    )
    return _Server(config)


def raise_open_files() -> None:
    """Each viewer of a stream is an open file, and systems give a process 1,024 unless it asks for more.

    Raises:
        TooFewFiles: it may not have enough.
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


def accepting(listening: socket.socket, each_turn: int) -> list[socket.socket]:
    """The same socket so often, for `uvicorn.Server.serve`: so many are accepted in one turn of the loop."""
    return [listening.dup() for _ in range(each_turn)]


def most_connections() -> int:
    """How many connections the public port may hold: as many as there are open files to have, up to the limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(min(MOST_CONNECTIONS, soft - SPARE_FILES), 1)


def make_public(app: Application) -> uvicorn.Server:
    """The public server. Call it inside the event loop."""
    settings = app.services.settings
    edge = Edge(most_connections(), app.services.metrics.dropped)
    connection: Any = EdgeConnection
    if app.outermost is app:  # else each request is traced as a whole
        connection = partial(DeliveryConnection, app.receiver)
    protocol = partial(connection, edge, app.busy, settings.max_body_bytes)
    public = make_server(
        app.outermost,
        lifespan=True,
        proxies=settings.trusted_proxies,
        protocol=protocol,
    )
    keep_what_is_here()
    return public


def keep_what_is_here() -> None:
    """Have the garbage collector pass over what is loaded now, and look at the rest when much of it may have come.

    A request makes no cycles, so that looking for them after every 700 new objects costs an eighth of its time.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 20, 20)


def stop(server: uvicorn.Server, app: Application) -> None:
    """Streams end at once: the server waits for what is under way, and they would never end by themselves."""
    server.should_exit = True
    # keeps: streams end in order
    app.services.fan_out.end_all("closing")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run to the end on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
