"""A removed message disappears from the server's memory, including freed memory, and from its files at the next
rewrite.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import redis

from cache.codec import HEADER_BYTES
from cache.keys import PURGES, shop_keys
from cache.messages.vault import DRAWN_BYTES, SECRET_FIELD
from domain.ids import MessageId, PageId, ShopId
from simulator.payloads import delivery, entry
from simulator.serialize import Document
from tests.callers import PAGE, Facebook, Shop, text_part
from tests.process_memory import found_in_memory
from tests.servers import Server
from tests.service import serving
from tests.support import wait_until_blocking

CANARY: Final = "canary-កាណារី 012 345 678 "
MESSAGES: Final = 40
KEYS: Final = shop_keys(ShopId("shop-1"))


def said(words: str, prefix: str) -> Document:
    """Returns a delivery of forty messages."""
    parts = [text_part(MessageId(f"{prefix}{number}"), words) for number in range(MESSAGES)]
    return delivery([entry(PageId(PAGE), int(time.time() * 1000), "messaging", parts)])


def sealed_bodies(client: redis.Redis) -> set[bytes]:
    """Returns the ciphertext of each stored message."""
    values: list[Any] = client.mget(list(client.scan_iter(KEYS.message(b"*"), count=1000)))
    return {value[HEADER_BYTES + DRAWN_BYTES :] for value in values}


def found_in_files(directory: Path, needles: set[bytes]) -> set[bytes]:
    """Returns the needles that are in a file of the directory."""
    found: set[bytes] = set()
    for path in directory.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:  # a rewrite has replaced the file between listing and reading
            continue
        found |= {needle for needle in needles if needle in content}
    return found


def rewrite(client: redis.Redis) -> None:
    """Start a rewrite of the file, as it happens daily, and wait for its end."""
    before = client.info("persistence")["aof_rewrites"]
    client.bgrewriteaof()

    def done() -> bool:
        state = client.info("persistence")
        return bool(state["aof_rewrites"] > before and not state["aof_rewrite_in_progress"])

    wait_until_blocking(done, within=30)


def gone(client: redis.Redis, pid: int, needles: set[bytes]) -> bool:
    """Cause some traffic, then return True if no needle is left in memory.

    The traffic is necessary because the last request and the last answer to a script stay in the server's buffers until
    an equally long text replaces them. Values of a script stay until its interpreter collects its garbage.
    """
    for length in (1_000, 15_000, 60_000):
        client.eval("return redis.call('ECHO', ARGV[1])", 0, b"-" * length)
    for _ in range(200):
        client.eval("return 1", 0)
    return not found_in_memory(pid, needles)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["expired", "purged"])
def test_removed_messages_disappear_from_memory_and_files(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path, how: Literal["expired", "purged"]
) -> None:
    """The text is never there. The encrypted body is not in freed memory, and after the rewrite it is not on disk."""
    files = tmp_path / "own"
    with own_server(persistent=True, extra=["--rdbcompression", "no"]) as store:
        with (
            serving(store.url, tmp_path / "log") as service,
            Facebook(service.url) as facebook,
            Shop(service.url) as shop,
            redis.Redis.from_url(store.url) as client,
        ):
            pid = client.info("server")["process_id"]
            shop.connect()
            assert facebook.deliver(said(CANARY, "m_")).status_code == 200
            assert len(shop.ids()) == MESSAGES
            sealed = sealed_bodies(client)
            assert len(sealed) == MESSAGES
            assert found_in_memory(pid, sealed) == found_in_files(files, sealed) == sealed
            plain = {CANARY.encode(), b"canary", "កាណារី".encode(), b"012 345 678"}
            assert found_in_memory(pid, plain) == found_in_files(files, plain) == set()

            if how == "expired":
                expired = client.info("stats")["expired_keys"]
                for name in list(client.scan_iter(KEYS.message(b"*"), count=1000)):
                    client.pexpire(name, 1)
                wait_until_blocking(lambda: client.info("stats")["expired_keys"] >= expired + MESSAGES, within=30)
            else:
                sealed.add(client.hget(KEYS.registry, SECRET_FIELD))
                shop.purge()
                wait_until_blocking(lambda: client.zcard(PURGES) == 0, within=30)
        with redis.Redis.from_url(store.url) as client:
            wait_until_blocking(lambda: gone(client, pid, sealed), within=60)
            rewrite(client)
            assert found_in_files(files, sealed) == set()
