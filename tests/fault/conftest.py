"""What the fault tests break: a Valkey that is theirs alone, at an address that stays the same when it starts again."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cache.embedded import Embedded


class Breakable:
    """A Valkey to stop, hang and fill up. Its data survives; nothing else keeps the address from working again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server = Embedded.start(directory)
        self.url = self._server.url

    def client(self) -> redis.Redis:
        """A client of its own, to be closed by the caller."""
        return redis.Redis.from_url(self.url)

    def hang(self) -> None:
        """Connections stay open and nobody answers."""
        os.kill(self._server.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again."""
        os.kill(self._server.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Connections are refused."""
        self._server.stop()

    def start(self) -> None:
        """Come back with the same data at the same address."""
        self._server = Embedded.start(self._directory)
        assert self._server.url == self.url

    def fill_up(self) -> None:
        """Writes are refused, reads go on."""
        with self.client() as client:
            client.config_set("maxmemory", "1")

    def make_room(self) -> None:
        """Writes are taken again."""
        with self.client() as client:
            client.config_set("maxmemory", "0")


@pytest.fixture
def breakable() -> Iterator[Breakable]:
    """A Valkey for this test alone, with its data in a short path: the socket's is limited to about 100 characters."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as directory:
        server = Breakable(Path(directory) / "valkey")
        try:
            yield server
        finally:
            server.go_on()
            server.stop()
