"""Makes the services from the settings, without I/O, and opens and closes them."""

import asyncio
import secrets
import time
from functools import partial
from typing import Final

import orjson
import structlog

from api.auth import Tokens
from api.fan_out import FanOut
from app.needed import needed
from app.parts import (
    GraphParts,
    Store,
    make_catch_up,
    make_connection,
    make_exporter,
    make_sweeper,
    make_timeline,
    make_writer,
    unix_milliseconds,
)
from app.server import CLOSE_SECONDS
from app.version import VERSION
from app.withdrawal import Withdrawal
from cache.audit.recording import Recorder
from cache.graph.taps import Taps
from cache.live.announcements import Announcements
from cache.live.feed import Feed
from cache.live.live import Live
from cache.live.tickets import Tickets
from cache.messages.writer import Writer
from cache.purging.deletions import Deletions
from cache.server.state import ServerState
from cache.server.went_back import WentBackCheck
from graph_client.heal import Healer
from graph_client.heartbeat import Heartbeat
from graph_client.watch import Watch
from ops import logs
from ops.health import Checks
from ops.hooks import Hooks
from ops.metrics import process_registry
from ops.settings import Settings
from ops.tasks import Tasks

REDIS_CHECK_SECONDS: Final = 2.0
"""Time limit for a check of Redis. A check makes several calls, and each call has its own shorter limit."""

log = structlog.get_logger()


class Services:
    """All services, connected to each other. Making them from the settings opens nothing and uses nothing global.

    Raises:
        SettingMissing: a secret or Redis is not set. `serve` refuses such settings earlier.
    """

    def __init__(self, settings: Settings, hooks: Hooks) -> None:
        self.settings = settings
        self.registry = process_registry()
        self.metrics = metrics = hooks.metrics(self.registry, VERSION)
        metrics.watch_log(logs.lost_lines)
        self.tasks = Tasks(on_crash=metrics.task_crash)
        self.store = store = Store(make_connection(settings), metrics, settings)
        self.graph = graph = GraphParts(store)
        self.tokens = make_tokens(settings)
        self.verify_token = needed(settings.verify_token, "FACEBOOK_VERIFY_TOKEN")
        self.catch_up = make_catch_up(store)
        self.went_back = WentBackCheck(
            store.connection,
            metrics,
            self.catch_up,
            process=secrets.token_hex(8),
            now=unix_milliseconds,
            catch_up_first=store.journal is not None,
        )
        self.state = ServerState(store.connection, metrics, now=time.time, clock=time.monotonic)
        self.writer = make_writer(store)
        self.sweeper = make_sweeper(store)
        healer = Healer(
            graph.calls,
            self.writer,
            Taps(store.reader, store.connection),
            graph.heals,
            metrics,
            now=unix_milliseconds,
            clock=time.monotonic,
            sleep=asyncio.sleep,
        )
        self.watch = Watch(
            graph.watchlist,
            store.shops,
            graph.page_setup,
            healer,
            graph.grants,
            metrics,
            token_died=graph.token_died,
            now=unix_milliseconds,
            sleep=asyncio.sleep,
        )
        self.heartbeat = Heartbeat(graph.watchlist, metrics, now=unix_milliseconds, sleep=asyncio.sleep)
        self.audit = Recorder(store.audit_log, metrics, now=time.time, clock=time.monotonic, sleep=asyncio.sleep)
        self.live = Live(store.connection, store.shops, store.sealer, metrics)
        self.announcements = Announcements(store.connection, sleep=asyncio.sleep)
        feed = Feed(make_timeline(store), self.announcements, store.sealer, sleep=asyncio.sleep)
        self.fan_out = FanOut(feed, metrics, store.turns, now=time.time, sleep=asyncio.sleep)
        self.tickets = Tickets(store.connection, settings.seal_keys, new_bytes=secrets.token_bytes)
        self.exporter = make_exporter(store)
        self.withdrawal = Withdrawal(
            graph.grants,
            store.shops,
            graph.withdrawn,
            store.purger,
            Deletions(store.connection, store.purger),
            self.audit,
            key=needed(settings.app_secrets, "FACEBOOK_APP_SECRET")[0],
        )
        self.checks = make_checks(store, self.state, self.writer, self.tasks)

    async def open(self) -> None:
        """Start the background tasks. Redis need not be reachable yet."""
        self.tasks.start("marks", partial(self.store.marks.run, asyncio.sleep))
        self.tasks.start("went_back", partial(self.went_back.run, asyncio.sleep))
        self.tasks.start("redis_state", partial(self.state.run, asyncio.sleep))
        self.tasks.start("sweeper", self.sweeper.run)
        self.tasks.start("purges", self.store.eraser.resume)
        self.tasks.start("heartbeat", self.heartbeat.run)
        self.tasks.start("watch", self.watch.run)
        self.tasks.start("announcements", self.announcements.run)
        self.tasks.start("stream_heartbeat", self.fan_out.beat)
        self.tasks.start("live", self.live.run)
        self.tasks.start("audit", self.audit.run)
        log.info("opened", version=VERSION, command=self.settings.command, settings=self.settings.summary())

    async def close(self) -> None:
        """Finish the accepted work, then close everything."""
        await self.fan_out.close()
        await self.writer.close()
        await self.tasks.close(CLOSE_SECONDS)
        await self.audit.close()
        await self.store.eraser.close()
        await self.graph.calls.close()
        await self.went_back.close()
        await self.catch_up.close()
        await self.store.connection.close()
        log.info("closed")


def make_checks(store: Store, state: ServerState, writer: Writer, tasks: Tasks) -> Checks:
    """Returns the checks of /readyz. A check with `gates=False` only informs. If another check fails, deliveries would
    fail or not be safe, so the process is unready."""
    checks = Checks(count=store.metrics.check)
    add = partial(checks.add, timeout=REDIS_CHECK_SECONDS)
    inform = partial(add, gates=False)
    add("redis", state.takes_writes, "Redis must be up, and REDIS_URL must lead to a primary that runs our scripts.")
    add(
        "redis_configuration", state.configured, "Redis needs maxmemory-policy noeviction, and Redis 7.0 or Valkey 7.2."
    )
    inform("redis_known", state.known, "Redis refuses INFO: check its version and maxmemory-policy by hand.")
    inform("redis_clock", state.on_time, "Set the clocks of Redis and of this machine by NTP.")
    inform("redis_memory", state.with_room, "Give Redis more memory: a full Redis refuses every message.")
    inform("redis_persistence", state.persistent, "Redis cannot write its file: free space on its disk.")
    checks.add(
        "registry",
        store.marks.whole,
        "Redis has lost Pages: restore its data, or go on without them with `page-inbox pages accept-loss`.",
        gates=False,
    )
    checks.add("accepting", writer.accepting, "The service is stopping or its queue is full; Redis may be slow.")
    checks.add("tasks", partial(_none_crashed, tasks), "A background task crashed and waits; its log line says why.")
    return checks


def make_tokens(settings: Settings) -> Tokens:
    """Returns the object that verifies and makes tokens.

    Raises:
        SettingMissing: neither TOKEN_KEYS nor TOKEN_JWKS is set.
    """
    needed(settings.token_keys or settings.token_jwks, "TOKEN_KEYS")
    jwks = orjson.loads(settings.token_jwks) if settings.token_jwks else None
    return Tokens(settings.token_keys, jwks)


async def _none_crashed(tasks: Tasks) -> bool:
    return not tasks.crashed()
