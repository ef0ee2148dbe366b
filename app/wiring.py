"""Settings to services, without I/O; opened in order, closed in reverse."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final

import orjson
import structlog

from api.auth import Tokens
from cache.connection import Connection, connect
from cache.purge import Purger
from cache.reader import Reader
from cache.shops import Shops
from cache.sweeper import Sweeper
from cache.writer import Writer
from domain.errors import PageInboxError
from domain.secret import Secret
from ops.health import Checks
from ops.metrics import Metrics, Registry, process_registry
from ops.settings import Settings
from ops.tasks import Tasks
from webhook.intake import Intake

CLOSE_SECONDS: Final = 5.0
"""What background tasks get to end; an orchestrator's usual grace is thirty."""

VERSION: Final = version("page-inbox")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that serves, wired."""

    settings: Settings
    registry: Registry
    metrics: Metrics
    checks: Checks
    tasks: Tasks
    connection: Connection
    tokens: Tokens
    shops: Shops
    reader: Reader
    writer: Writer
    purger: Purger
    sweeper: Sweeper
    intake: Intake
    verify_token: Secret

    async def open(self) -> None:
        """Start what runs beside the requests. Redis need not be there yet."""
        self.tasks.start("sweeper", self.sweeper.run)
        self.tasks.start("purges", self.purger.resume)
        log.info("opened", version=VERSION, command=self.settings.command, settings=self.settings.summary())

    async def close(self) -> None:
        """Finish what has been taken in, then let go of everything."""
        await self.writer.close()
        await self.tasks.close(CLOSE_SECONDS)
        await self.purger.close()
        await self.connection.close()
        log.info("closed")


class SettingMissing(PageInboxError):
    """A setting that this command cannot do without."""

    def __init__(self, name: str) -> None:
        super().__init__("setting_missing", f"{name} is not set; set it, or the path of its file as {name}_FILE.")


def needed(value: Secret | None, name: str) -> Secret:
    """The value.

    Raises:
        SettingMissing: there is none.
    """
    if not value:
        raise SettingMissing(name)
    return value


def make_connection(settings: Settings) -> Connection:
    """The way to Redis; not opened yet.

    Raises:
        SettingMissing: without REDIS_URL.
    """
    return connect(needed(settings.redis_url, "REDIS_URL").reveal())


def make_tokens(settings: Settings) -> Tokens:
    """Who verifies and mints tokens.

    Raises:
        SettingMissing: with neither TOKEN_KEYS nor TOKEN_JWKS.
    """
    if not settings.token_keys and not settings.token_jwks:
        raise SettingMissing("TOKEN_KEYS")
    jwks = orjson.loads(settings.token_jwks) if settings.token_jwks else None
    return Tokens(settings.token_keys, jwks)


@dataclass(frozen=True, slots=True)
class Store:
    """What an operator's command needs of the store."""

    connection: Connection
    shops: Shops
    reader: Reader
    purger: Purger


def make_store(connection: Connection, metrics: Metrics, *, ttl: int) -> Store:
    """Registry, reader and purger on one connection."""
    shops = Shops(connection, new_claim=partial(secrets.token_hex, 4))
    reader = Reader(connection, shops, ttl=ttl)
    purger = Purger(
        connection,
        shops,
        reader,
        metrics,
        new_id=partial(secrets.token_hex, 12),
        clock=time.monotonic,
        now=time.time,
        sleep=asyncio.sleep,
    )
    return Store(connection, shops, reader, purger)


def wire(settings: Settings, *, connection: Connection | None = None, now: Callable[[], float] = time.time) -> Services:
    """Everything, made from one value; nothing is opened, nothing global.

    Raises:
        SettingMissing: a secret or Redis is not set; `serve` has refused that before.
    """
    registry = process_registry()
    metrics = Metrics(registry, version=VERSION)
    checks, tasks = Checks(), Tasks()
    store = make_store(connection or make_connection(settings), metrics, ttl=settings.message_ttl)
    writer = Writer(
        store.connection,
        metrics,
        ttl=settings.message_ttl,
        first_nonce=secrets.randbits(32),
        clock=time.monotonic,
    )
    sweeper = Sweeper(
        store.connection, metrics, ttl=settings.message_ttl, now=now, clock=time.monotonic, sleep=asyncio.sleep
    )
    if not settings.app_secrets:
        raise SettingMissing("FACEBOOK_APP_SECRET")
    intake = Intake(writer, store.shops, metrics, app_secrets=settings.app_secrets)
    checks.add("redis", partial(store.connection.command, "PING"), "Is Redis up, and REDIS_URL right?")
    checks.add("accepting", writer.accepting, "The service is stopping or its queue is full; Redis may be slow.")
    checks.add("tasks", partial(_none_crashed, tasks), "A background task crashed and waits; its log line says why.")
    return Services(
        settings=settings,
        registry=registry,
        metrics=metrics,
        checks=checks,
        tasks=tasks,
        connection=store.connection,
        tokens=make_tokens(settings),
        shops=store.shops,
        reader=store.reader,
        writer=writer,
        purger=store.purger,
        sweeper=sweeper,
        intake=intake,
        verify_token=needed(settings.verify_token, "FACEBOOK_VERIFY_TOKEN"),
    )


async def _none_crashed(tasks: Tasks) -> bool:
    return not tasks.crashed()
