"""A Valkey that a test may break. It comes back with its data at the same address."""

import os
import signal
from pathlib import Path

import redis

from cache.embedded.valkey import Embedded


class Breakable:
    """A Valkey to stop, hang and fill up. It keeps its data, and it works again at the same address."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._persistent = True
        self._server = Embedded.start(directory)
        self.url = self._server.url

    def client(self) -> redis.Redis:
        """Returns a new client. The caller closes it."""
        return redis.Redis.from_url(self.url)

    def hang(self) -> None:
        """Stop answering, and keep the connections open."""
        os.kill(self._server.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again."""
        os.kill(self._server.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop the server, so that it refuses connections."""
        self._server.stop()

    def kill(self) -> None:
        """Kill the server with SIGKILL. Data that it has not written is lost."""
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()

    def start(self) -> None:
        """Start with the same data at the same address."""
        self._server = Embedded.start(self._directory, persistent=self._persistent)
        assert self._server.url == self.url

    def snapshot(self) -> None:
        """Write all data of this moment to an RDB file, for `go_back`."""
        with self.client() as client:
            client.save()

    def go_back(self) -> None:
        """Kill the server with SIGKILL, then start it with the data of the snapshot."""
        self.kill()
        self._persistent = False  # with an append-only file the server would not read the snapshot
        self.start()

    def fill_up(self) -> None:
        """Fill the server, so that it refuses writes and still answers reads."""
        with self.client() as client:
            client.config_set("maxmemory", "1")

    def make_room(self) -> None:
        """Free memory, so that the server accepts writes."""
        with self.client() as client:
            client.config_set("maxmemory", "0")
