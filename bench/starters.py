"""The programs whose ingest is compared: how each is started, and how all get the same load."""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from bench.inbox import Inbox, inbox, kept, store
from bench.load import APP_SECRET, Poured, Tenant, pour
from bench.processes import Process, free_port, running
from cache.keys import SHOP_INDEX

CONTESTANTS: Final = Path(__file__).parent / "contestants"
NPM_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Racer:
    """A running program. `begin` empties its store and connects these shops. `kept` returns the number of its messages,
    and is None for a program that stores nothing.
    """

    name: str
    server: Process
    begin: Callable[[Sequence[Tenant]], object]
    kept: Callable[[], int] | None = None


def race(
    racers: Sequence[Racer],
    shops: Sequence[Tenant],
    prepared: Sequence[bytes],
    *,
    seconds: float,
    warm_up: float,
    patient: bool = False,
) -> dict[str, Poured]:
    """Returns the load of each program, from an empty store, in random order, all with the same bodies. Raises
    RuntimeError if a program answered 200 to a message and did not store it.
    """
    found = {}
    for racer in random.sample(racers, len(racers)):  # a fixed order would make the comparison unfair
        racer.begin(shops)
        cpu = racer.server.cpu_seconds
        poured = pour(racer.server.port, prepared, seconds=seconds, warm_up=warm_up, cpu=cpu, patient=patient)
        if racer.kept is not None and (stored := racer.kept()) != poured.answered:
            raise RuntimeError(f"{racer.name} answered 200 to {poured.answered} messages and stored {stored}")
        found[racer.name] = poured
    return found


def racer_of(name: str, own: Inbox) -> Racer:
    """Returns a running Page Inbox as a racer."""
    return Racer(name, own.server, own.begin, lambda: kept(own.valkey, SHOP_INDEX))


@contextmanager
def page_inbox(directory: Path) -> Iterator[Racer]:
    """Starts Page Inbox."""
    with inbox(directory / "inbox") as own:
        yield racer_of("Page Inbox", own)


@contextmanager
def bare(directory: Path) -> Iterator[Racer]:
    """Starts the server that does the minimum."""
    port = free_port()
    command = [sys.executable, "-m", "bench.contestants.bare"]
    with running(command, {"PORT": str(port)}, directory / "bare.log", port=port, ready=(port, "/")) as server:
        yield Racer("bare ASGI", server, lambda _: None)


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
            yield Racer(name, server, lambda _: client.flushall(), lambda: kept(client, b"page:"))


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
