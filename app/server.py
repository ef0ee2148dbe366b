"""Two servers in one process and one event loop: the public one, and the operators' own.

Where there are several worker processes (supervisor.py), each has the public one alone.
"""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import structlog
import uvicorn
import uvloop

from app.delivery_connection import DeliveryConnection
from app.edge import KEEP_ALIVE_SECONDS, MOST_CONNECTIONS, SPARE_FILES, Edge
from app.edge_connection import EdgeConnection
from app.factory import Application
from app.turns import Taker, Turns
from cache.server.state import ServerState
from domain.errors import PageInboxError

GRACE_SECONDS: Final = 15
"""What requests under way get to end after SIGTERM. Only those that wait for Facebook take long, at most twelve."""
OPEN_FILES: Final = 65_536
UNREAD_SECONDS: Final = 60
"""A connection whose other side takes nothing for so long is dropped by the system (Linux; tcp(7), TCP_USER_TIMEOUT);
what waits for it would stay in memory for a quarter of an hour otherwise, or for ever."""
BACKLOG: Final = 2048
REDIS_SECONDS: Final = 1.0
"""For the first examination of Redis; without an answer the service starts, and is not ready."""

ACCEPTED_EACH_TURN: Final = 32
"""The event loop accepts one connection a turn from each listening socket (libuv, since 1.45), and turns are long when
much is to be done: two thousand strangers who connect would keep Facebook waiting for ten seconds."""

GARBAGE_OBJECTS: Final = 10_000
"""New objects after which the youngest are looked through: some 2 MB, in a millisecond."""

LOOPBACK: Final = ("127.0.0.1", "::1")

Beside = Callable[[int, int], Coroutine[Any, Any, None]]
"""What runs while the service does; it is given the public port and the operators'."""

log = structlog.get_logger()


class PortRefused(PageInboxError):
    """A port that cannot be listened to; the sentence names the setting to change."""


class RedisUnfit(PageInboxError):
    """A Redis that may lose messages; the sentence says what to change."""


async def refuse_unfit_redis(state: ServerState) -> None:
    """Return when Redis is fit, or cannot be reached yet: then readiness waits for it.

    Raises:
        RedisUnfit: it may evict keys, or is too old.
    """
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            finding = await state.unfit()
    except TimeoutError:
        return
    if finding is not None:
        raise RedisUnfit("redis_unfit", f"{finding.sentence} {finding.remedy}")


class _Server(uvicorn.Server):
    """A server that leaves the signals to us: there are two."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _SharingServer(_Server):
    """One of several worker processes on one socket."""

    def __init__(self, config: uvicorn.Config, turns: Turns, number: int) -> None:
        super().__init__(config)
        self._turns = turns
        self._number = number

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take turns, where uvicorn would take whatever comes."""
        await super().startup(sockets=[])
        takers: list[Any] = [
            Taker(listening, self._new_protocol, lambda: len(self.server_state.connections), self._turns, self._number)
            for listening in sockets or []
        ]
        self.servers += takers

    def _new_protocol(self) -> Any:
        """As uvicorn makes it."""
        make: Any = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket.

    Raises:
        PortRefused: taken, or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        sentence = f"Cannot listen on {host}:{port} ({error.strerror}). Set {setting} to another port, or 0 for any."
        raise PortRefused("port_refused", sentence) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
    return listening


def make_server(
    app: Any,
    *,
    lifespan: bool,
    proxies: Sequence[str] = (),
    protocol: Any = "httptools",
    turns: Turns | None = None,
    number: int = 0,
) -> uvicorn.Server:
    """A server whose signals are somebody else's, to be given its sockets and told to end by `should_exit`.

    The caller's address is taken from `X-Forwarded-For` where the request comes from one of these proxies, or from this
    machine. `protocol` makes its connections. With `turns` it is worker `number` of several on one
    socket.
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
    return _Server(config) if turns is None else _SharingServer(config, turns, number)


def raise_open_files() -> None:
    """Each viewer of a stream is an open file, and systems give a process 1,024 unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def accepting(listening: socket.socket, each_turn: int) -> list[socket.socket]:
    """The same socket so often, for `uvicorn.Server.serve`: so many are accepted in one turn of the loop."""
    return [listening, *(listening.dup() for _ in range(each_turn - 1))]


def most_connections() -> int:
    """How many connections the public port may hold: as many as there are open files to have, up to the limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(min(MOST_CONNECTIONS, soft - SPARE_FILES), 1)


async def serve(app: Application, *, beside: Beside | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    Raises:
        PortRefused: one of the two ports cannot be had.
        RedisUnfit: Redis may lose messages.
    """
    settings = app.services.settings
    raise_open_files()
    await refuse_unfit_redis(app.services.state)
    with (
        listen(settings.host, settings.port, "PORT") as public_socket,
        listen(settings.host, settings.ops_port, "OPS_PORT") as ops_socket,
    ):
        port, ops_port = public_socket.getsockname()[1], ops_socket.getsockname()[1]
        log.info("listening", host=settings.host, port=port, ops_port=ops_port)
        app.services.metrics.workers(1)
        public, ops = make_public(app), make_server(app.ops, lifespan=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(ops.serve([ops_socket]))
            extra = None
            if beside is not None:
                extra = group.create_task(beside(port, ops_port))
            try:
                await public.serve(accepting(public_socket, ACCEPTED_EACH_TURN))
            finally:
                ops.should_exit = True
                if extra is not None:
                    extra.cancel()


def make_public(app: Application, turns: Turns | None = None, number: int = 0) -> uvicorn.Server:
    """The public server, told to end by SIGTERM and SIGINT. Call it inside the event loop."""
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
        turns=turns,
        number=number,
    )
    on_signal(lambda: stop(public, app))
    keep_what_is_here()
    return public


def keep_what_is_here() -> None:
    """Have the garbage collector pass over what is loaded now, and look at the rest when much of it may have come.

    A request makes no cycles, so that looking for them after every 700 new objects costs an eighth of its time.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 20, 20)


def on_signal(stop: Callable[[], None]) -> None:
    """Call this at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # keeps: SIGTERM ends in order
        loop.add_signal_handler(number, stop)


def stop(server: uvicorn.Server, app: Application) -> None:
    """Streams end at once: the server waits for what is under way, and they would never end by themselves."""
    server.should_exit = True
    # keeps: streams end in order
    app.services.rooms.end_all("closing")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run to the end on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
