"""Checks settings, Redis, Facebook, the public address and each Page, without a running service.

The checks of Redis are the same as in /readyz (cache/server/examine.py, cache/server/node_findings.py). /readyz does
not call Facebook or the public address, and cannot say why `serve` does not start. The checks change nothing, but their
calls to Facebook count in the budgets. Every check has a time limit. A check without an answer in time is a finding.
"""

import asyncio
import resource
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.edge import MOST_CONNECTIONS, SPARE_FILES
from app.parts import GraphParts, Store, make_connection, unix_milliseconds
from app.server import LEAST_OPEN_FILES
from app.version import VERSION
from cache.errors import Unavailable
from cache.server.connection import Connection
from cache.server.examine import NodeFacts, every_page, examine
from cache.server.node_findings import judge, unreachable
from domain.errors import PageInboxError
from domain.finding import Finding, Level, worst
from domain.ids import PageId
from domain.query import MessageQuery
from domain.secret import Secret
from graph_client.client import Client
from graph_client.examine import examine_app, examine_heals, examine_pages
from ops.examine import examine_settings
from ops.metrics import Metrics, process_registry
from ops.outside import examine_public_url
from ops.settings import Settings, read_text

SEALED_SECONDS: Final = 10.0
SHOPS_TRIED: Final = 50
"""Number of Pages whose shops are tried: the doctor decrypts one message of each shop with SEAL_KEYS."""
WALK_SECONDS: Final = 60.0
"""Time limit for finding the Pages among all keys. A million keys take one second."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings together. With `strict`, warnings count as failures."""

    findings: tuple[Finding, ...]
    strict: bool = False

    @property
    def level(self) -> Level:
        """The worst level of all findings."""
        return worst(self.findings)

    @property
    def exit_code(self) -> int:
        """The exit code for scripts: 0 when no check failed."""
        return int(self.level == "fail" or (self.strict and self.level == "warn"))

    def count(self, level: Level) -> int:
        """Returns the number of findings of one level."""
        return sum(finding.level == level for finding in self.findings)

    def document(self) -> dict[str, object]:
        """Returns the findings as a document for JSON."""
        return {
            "version": VERSION,
            "level": self.level,
            "exit_code": self.exit_code,
            "counts": {level: self.count(level) for level in ("ok", "warn", "fail")},
            "findings": [
                {name: getattr(finding, name) for name in ("name", "level", "about", "sentence", "remedy")}
                for finding in self.findings
            ],
        }


async def diagnose(environ: Mapping[str, str], found_pages: Callable[[int], None]) -> AsyncIterator[Finding]:
    """Yields every finding as soon as its check ends. `found_pages` gets the number of Pages before the Pages are
    checked. Each Page has one finding with the name `page`.
    """
    settings, findings = examine_settings(environ, read_text)
    for finding in findings:
        yield finding
    yield _open_files()
    store = (
        Store(make_connection(settings), Metrics(process_registry(), VERSION), settings) if settings.redis_url else None
    )
    try:
        reached = store is not None
        if store is not None:
            async for finding in _redis(store.connection):
                reached = reached and finding.name != "redis.unreachable"
                yield finding
        app = [finding async for finding in _app(settings)]
        for finding in app:
            yield finding
        if settings.public_url:
            async for finding in examine_public_url(settings.public_url, settings.verify_token, _new_word):
                yield finding
        if store is not None and reached:
            async for finding in _registry(store):
                yield finding
            # Every call is signed with the first app secret. If this secret fails, no Page can be checked at Facebook.
            ask_facebook = app[:1] != [] and app[0].level == "ok"
            async for finding in _pages(store, found_pages, ask_facebook=ask_facebook):
                yield finding
    finally:
        if store is not None:
            await store.eraser.close()
            await store.connection.close()


def _new_word() -> str:
    return secrets.token_hex(16)


async def _redis(connection: Connection) -> AsyncIterator[Finding]:
    try:
        examined = await examine(connection, now=time.time, clock=time.monotonic)
    except Unavailable as error:
        yield unreachable(error)
        return
    for one in examined:
        if isinstance(one, NodeFacts):
            for finding in judge(one):
                yield finding
        else:
            name, reason = one
            yield unreachable(reason, name)


async def _app(settings: Settings) -> AsyncIterator[Finding]:
    """Yields nothing if a setting is missing, because another finding reports the missing setting."""

    def make_client(secret: Secret) -> Client:
        return Client(base_url=settings.graph_url, version=settings.graph_version, app_secret=secret, now=time.time)

    if settings.app_id and settings.app_secrets:
        async for finding in examine_app(settings.app_id, settings.app_secrets, make_client):
            yield finding


async def _pages(store: Store, found_pages: Callable[[int], None], *, ask_facebook: bool) -> AsyncIterator[Finding]:
    found = set()
    try:
        async with asyncio.timeout(WALK_SECONDS):
            async for pages in every_page(store.connection):
                found |= set(pages)
    except (TimeoutError, Unavailable):
        remedy = "Look at Redis first; a store of very many keys needs longer than the doctor waits."
        yield Finding("pages", "fail", "Not every Page was found: the walk over the store did not end.", remedy)
    graph = GraphParts(store)
    found_pages(len(found))
    try:
        async for finding in examine_pages(
            sorted(found), store.shops, graph.page_setup, now=unix_milliseconds, ask_facebook=ask_facebook
        ):
            yield finding
        async for finding in examine_heals(sorted(found), store.shops, graph.heals):
            yield finding
    finally:
        await graph.calls.close()
    async for finding in _sealed(store, sorted(found)):
        yield finding


async def _registry(store: Store) -> AsyncIterator[Finding]:
    """Checks that Redis still has every connected Page. If Pages are lost, the service answers 503 to deliveries."""
    try:
        await store.marks.require(connected=True)
    except Unavailable as error:
        if error.reason == "registry_lost":
            remedy = "Restore the data of Redis, or go on without them: `page-inbox pages accept-loss`."
            yield Finding("registry", "fail", "Redis has lost Pages: every delivery is answered 503.", remedy)
        elif error.reason == "no_page_connected":
            remedy = "Connect a Page. If there should be Pages, REDIS_URL leads to another server or database."
            yield Finding("registry", "warn", "No Page is connected yet: every delivery is answered 503.", remedy)
        return
    yield Finding("registry", "ok", "Redis has every Page that was connected.")


async def _sealed(store: Store, pages: Sequence[PageId]) -> AsyncIterator[Finding]:
    """Checks that SEAL_KEYS decrypt the newest message of some of the shops."""
    try:
        async with asyncio.timeout(SEALED_SECONDS):
            owners = [await store.shops.owner(page) for page in pages[:SHOPS_TRIED]]
            for shop in dict.fromkeys(filter(None, owners)):
                await store.reader.messages(shop, MessageQuery(limit=1))
    except Unavailable as error:
        if error.reason == "seal_key_missing":
            sentence = "SEAL_KEYS open nothing of what is kept: no message can be read or stored."
            remedy = "Add the key that sealed it to SEAL_KEYS, behind the first."
            yield Finding("keys", "fail", sentence, remedy, "SEAL_KEYS")
    except (TimeoutError, PageInboxError):
        pass  # other findings report a slow server or a damaged record


def _open_files() -> Finding:
    """Checks that the service could open enough files on this machine."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    remedy = "Raise it: `ulimit -n`, LimitNOFILE= of systemd, or --ulimit nofile= of the container."
    if 0 <= most < LEAST_OPEN_FILES:
        return Finding("files", "fail", f"A process may open {most} files here; `serve` refuses that.", remedy)
    if 0 <= most < MOST_CONNECTIONS + SPARE_FILES:
        sentence = f"A process may open {most} files here: fewer connections than the service could serve."
        return Finding("files", "warn", sentence, remedy)
    return Finding("files", "ok", "A process may open enough files here.")
