"""The programs whose ingest is compared, and how each is started."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from bench.inbox import inbox, kept, store
from bench.load import APP_SECRET, Tenant
from bench.processes import Process, free_port, running
from cache.keys import SHOP_INDEX

CONTESTANTS: Final = Path(__file__).parent / "contestants"
NPM_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Racer:
    """A running contestant."""

    name: str
    server: Process
    valkey: redis.Redis | None
    index: bytes
    """The prefix of its indexes of messages."""
    connect: Callable[[Sequence[Tenant]], None] | None = None

    def begin(self, tenants: Sequence[Tenant]) -> None:
        """Start from an empty store."""
        if self.connect is not None:
            self.connect(tenants)
        elif self.valkey is not None:
            self.valkey.flushall()

    def check(self, answered: int) -> None:
        """Check that every message that was answered with 200 is stored. Raises RuntimeError."""
        if self.valkey is not None and (found := kept(self.valkey, self.index)) != answered:
            raise RuntimeError(f"{self.name} answered 200 to {answered} messages and stored {found}")


@contextmanager
def page_inbox(directory: Path) -> Iterator[Racer]:
    """Starts Page Inbox."""
    with inbox(directory / "inbox") as own:
        yield Racer("Page Inbox", own.server, own.valkey, SHOP_INDEX, own.begin)


@contextmanager
def bare(directory: Path) -> Iterator[Racer]:
    """Starts the server that does the minimum."""
    port = free_port()
    command = [sys.executable, "-m", "bench.contestants.bare"]
    with running(command, {"PORT": str(port)}, directory / "bare.log", port=port, ready=(port, "/")) as server:
        yield Racer("bare ASGI", server, None, b"")


@contextmanager
def _storing(name: str, command: Sequence[str], directory: Path) -> Iterator[Racer]:
    port, slug = free_port(), name.partition(" ")[0].lower()
    with store(directory / slug) as valkey, redis.Redis.from_url(valkey.url) as client:
        environment = {
            "PORT": str(port),
            "REDIS_URL": valkey.url,
            "FACEBOOK_APP_SECRET": APP_SECRET.reveal(),
            "NODE_ENV": "production",
        }
        log = directory / f"{slug}.log"
        with running(command, environment, log, port=port, ready=(port, "/")) as server:
            yield Racer(name, server, client, b"page:")


def fastapi(directory: Path) -> AbstractContextManager[Racer]:
    """Starts the program that a user would write in Python."""
    return _storing("FastAPI + redis-py", [sys.executable, "-m", "bench.contestants.fastapi_redis"], directory)


def fastify(directory: Path) -> AbstractContextManager[Racer]:
    """Starts a fast program that a user would write in Node."""
    return _storing("Fastify + ioredis", ["node", str(CONTESTANTS / "fastify.js")], directory)


def express(directory: Path) -> AbstractContextManager[Racer]:
    """Starts the usual program that a user would write in Node."""
    return _storing("Express + ioredis", ["node", str(CONTESTANTS / "express.js")], directory)


def without_node() -> str:
    """Returns why the Node programs cannot be measured, or "" if they can. Installs their packages if needed."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            return f"there is no {tool} on this machine"
    installed, lock = CONTESTANTS / "node_modules" / ".package-lock.json", CONTESTANTS / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return ""
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=CONTESTANTS, capture_output=True, text=True, timeout=NPM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"`npm ci` took longer than {NPM_SECONDS} s"
    if done.returncode:
        return f"`npm ci` failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}"
    return ""
