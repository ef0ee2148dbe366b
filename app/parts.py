"""Makes the store and the parts that call Facebook from the settings, for the service and for operators' commands."""

import asyncio
import random
import secrets
import time
from functools import partial

from api.export import Exporter
from app.catch_up import CatchUp
from app.needed import needed
from app.shop_turns import ShopTurns
from cache.audit.log import AuditLog
from cache.cursors import Cursors
from cache.graph.budgets import Budgets
from cache.graph.grants import Grants
from cache.graph.heals import Heals
from cache.graph.watchlist import Watchlist
from cache.live.timeline import Timeline
from cache.messages.batch import Batches
from cache.messages.blocks import Blocks
from cache.messages.changes import Changes
from cache.messages.conversations import ConversationReader
from cache.messages.reader import Reader
from cache.messages.staff_marks import StaffMarks
from cache.messages.sweeper import Sweeper
from cache.messages.vault import ShopSecrets
from cache.messages.writer import Writer, nonces
from cache.purging.customers import CustomerPurger
from cache.purging.erasing import Eraser
from cache.purging.journal import PurgeJournal
from cache.purging.purge import Purger
from cache.purging.receipt_signature import ReceiptSigner
from cache.purging.receipts import Receipts
from cache.purging.replay import PurgeReplay
from cache.registry.labels import Labels
from cache.registry.marks import Marks
from cache.registry.registry import Registry
from cache.registry.routes import Routes
from cache.sealing import Sealer
from cache.server.address import Tls, connect
from cache.server.connection import Connection
from cache.server.exchange import IN_SERVICE, TimeLimits
from domain.secret import Secret
from graph_client.calls import Calls
from graph_client.claims import Claims
from graph_client.client import Client
from graph_client.graph_reader import GraphReader
from graph_client.heal_requests import Healing
from graph_client.page_remover import PageRemover
from graph_client.page_setup import PageSetup
from graph_client.pages import Pages
from graph_client.token_death import TokenDeath
from ops.metrics import Metrics
from ops.settings import Settings


def make_connection(settings: Settings, limits: TimeLimits = IN_SERVICE) -> Connection:
    """Returns a connection to Redis that is not opened yet.

    Raises:
        SettingMissing: REDIS_URL is not set.
    """
    tls = Tls(settings.redis_tls_ca, settings.redis_tls_cert, settings.redis_tls_key)
    return connect(needed(settings.redis_url, "REDIS_URL").reveal(), settings.wait_replicas, tls, limits)


class Store:
    """The parts of the store, which use one connection. `turns` shares the event loop between shops."""

    def __init__(self, connection: Connection, metrics: Metrics, settings: Settings) -> None:
        self.connection = connection
        self.metrics = metrics
        self.settings = settings
        self.turns = ShopTurns()
        self.sealer = Sealer(settings.seal_keys, new_nonce=secrets.token_bytes)
        self.cursors = Cursors(settings.seal_keys)
        self.signer = ReceiptSigner(settings.seal_keys)
        self.secrets = ShopSecrets(self.sealer, new_bytes=secrets.token_bytes)
        self.marks = Marks(connection, new_word=partial(secrets.token_hex, 8))
        self.shops = Registry(
            connection,
            self.marks,
            new_claim=partial(secrets.token_hex, 4),
            sealer=self.sealer,
            now=unix_milliseconds,
        )
        self.routes = Routes(connection, self.shops, self.secrets)
        self.reader = Reader(connection, self.shops, self.secrets, self.cursors, turns=self.turns)
        self.conversations = ConversationReader(
            connection, self.shops, self.secrets, self.cursors, ttl=settings.message_ttl, turns=self.turns
        )
        self.receipts = Receipts(connection, self.signer, now=time.time)
        self.journal: PurgeJournal | None = None
        if settings.purge_journal is not None:
            process = secrets.token_hex(8)
            self.journal = PurgeJournal(settings.purge_journal, self.sealer, process=process, now=time.time)
        self.eraser = Eraser(
            connection, self.shops, self.receipts, metrics, clock=time.monotonic, now=time.time, sleep=asyncio.sleep
        )
        self.purger = Purger(
            connection,
            self.shops,
            self.reader,
            self.receipts,
            self.eraser,
            metrics,
            new_id=partial(secrets.token_hex, 12),
            journal=self.journal,
        )
        self.customers = CustomerPurger(connection, self.shops, self.purger)
        self.blocked = Blocks(connection, self.shops)
        self.staff_marks = StaffMarks(connection, self.secrets)
        self.labels = Labels(connection, self.sealer)
        self.audit_log = AuditLog(connection, self.cursors, now=time.time)


def make_writer(store: Store) -> Writer:
    """Returns the writer of the events that arrive for Pages."""
    ttl, new_nonce = store.settings.message_ttl, nonces(secrets.randbits(32))
    return Writer(
        Batches(store.connection, store.secrets, store.metrics, ttl=ttl, clock=time.monotonic, now=time.time),
        Changes(store.connection, store.secrets, store.sealer, ttl=ttl, new_nonce=new_nonce),
        store.routes,
        store.metrics,
        ttl=ttl,
        new_nonce=new_nonce,
        clock=time.monotonic,
    )


def make_replay(store: Store) -> PurgeReplay | None:
    """Returns the object that repeats the purges of the journal, and None without a journal."""
    return None if store.journal is None else PurgeReplay(store.connection, store.journal)


def make_catch_up(guarded: Store) -> CatchUp:
    """Returns the object that brings older data up to date. Meanwhile the connection's guard delays all other calls."""
    store = Store(guarded.connection.unguarded(), guarded.metrics, guarded.settings)
    return CatchUp(make_replay(store), Watchlist(store.connection), store.shops, store.metrics, now=unix_milliseconds)


def make_sweeper(store: Store) -> Sweeper:
    """Returns the sweeper, which removes expired messages and old entries."""
    ttl = store.settings.message_ttl
    return Sweeper(store.connection, store.metrics, ttl=ttl, now=time.time, clock=time.monotonic, sleep=asyncio.sleep)


def make_timeline(store: Store) -> Timeline:
    """Returns the timeline of the events of a shop, for live streams and exports."""
    return Timeline(
        store.connection,
        store.secrets,
        store.sealer,
        store.cursors,
        ttl=store.settings.message_ttl,
        turns=store.turns,
    )


def make_budgets(store: Store) -> Budgets:
    """Returns the budgets of Graph calls, which all replicas share."""
    return Budgets(store.connection, store.sealer, clock=time.monotonic)


def make_exporter(store: Store) -> Exporter:
    """Returns the exporter of a shop's stored data."""
    return Exporter(
        store.shops,
        store.receipts,
        store.audit_log,
        store.reader,
        store.staff_marks,
        now=unix_milliseconds,
        turns=store.turns,
    )


class GraphParts:
    """The parts that call Facebook. Making them opens no connection."""

    def __init__(self, store: Store) -> None:
        settings = store.settings
        secret = settings.app_secrets[0] if settings.app_secrets else None
        self.watchlist = Watchlist(store.connection)
        self.grants = Grants(store.connection, settings.seal_keys)
        self.heals = Heals(store.connection)
        self.healing = Healing(store.shops, self.watchlist, self.heals, now=unix_milliseconds)
        self.token_died = TokenDeath(store.shops, self.watchlist, now=unix_milliseconds)
        self.calls = Calls(
            Client(base_url=settings.graph_url, version=settings.graph_version, app_secret=secret, now=time.time),
            make_budgets(store),
            store.metrics,
            token_died=self.token_died,
            clock=time.monotonic,
            sleep=asyncio.sleep,
            draw=random.SystemRandom().random,
        )
        self.reader = GraphReader(self.calls, store.turns)
        needs = {
            "FACEBOOK_APP_ID": settings.app_id,
            "FACEBOOK_APP_SECRET": secret,
            "SEAL_KEYS": settings.seal_keys,
        }
        app_token = Secret(f"{settings.app_id}|{secret.reveal()}" if secret else "")
        self.page_setup = PageSetup(self.calls, app_id=settings.app_id or "", app_token=app_token)
        self.pages = Pages(
            self.page_setup,
            store.shops,
            self.watchlist,
            self.grants,
            store.purger,
            Claims(store.shops, store.purger, store.audit_log),
            missing_settings=[name for name, value in needs.items() if not value],
            now=unix_milliseconds,
        )
        self.withdrawn = PageRemover(store.shops, self.watchlist, store.purger, token_died=self.token_died)


def unix_milliseconds() -> int:
    """Returns the time now in Unix milliseconds."""
    return time.time_ns() // 1_000_000
