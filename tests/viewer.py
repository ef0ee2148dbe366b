"""A viewer that follows a shop's stream over HTTP and reads it exactly as the standard says."""

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2

from tests.callers import mint
from tests.support import NO_TLS, WITHIN, wait_until_blocking


@dataclass(frozen=True)
class Received:
    """One event as a browser would dispatch it."""

    name: str
    data: dict[str, Any]
    id: str


@dataclass
class Reader:
    """Turns lines into events:
    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation"""

    events: list[Received] = field(default_factory=list)
    last_id: str = ""
    comments: int = 0
    retry: int | None = None
    _id: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._id = self.last_id

    def line(self, line: str) -> None:
        """Read one line, without its end."""
        if not line:
            self.last_id = self._id
            if self._data:
                self.events.append(Received(self._name or "message", json.loads("\n".join(self._data)), self.last_id))
            self._name, self._data = "", []
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments += 1
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isdecimal():
                self.retry = int(value)


class Viewer:
    """Reads in a separate thread until the stream ends or the viewer is closed. `reader` has what it has seen."""

    def __init__(
        self, url: str, name: str = "shop-1", *, after: str = "", token: str | None = None, query: str = ""
    ) -> None:
        self.reader = Reader(last_id=after)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.problem: dict[str, Any] = {}
        self.whole = False
        """True if the answer has arrived completely."""
        headers = {"Authorization": f"Bearer {token or mint(name)}"} if token != "" else {}
        if after:
            headers["Last-Event-ID"] = after
        self._client = httpx2.Client(trust_env=False, verify=NO_TLS, timeout=60)
        self._answer: httpx2.Response | None = None
        self._began = threading.Event()
        self._thread = threading.Thread(
            target=self._read, args=(f"{url}/v1/shops/{name}/stream{query}", headers), daemon=True
        )
        self._thread.start()

    def _read(self, url: str, headers: dict[str, str]) -> None:
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                self._answer = answer
                self.status, self.headers = answer.status_code, dict(answer.headers)
                if answer.status_code != 200:
                    self.problem = json.loads(answer.read())
                self._began.set()
                if answer.status_code == 200:
                    for line in answer.iter_lines():
                        self.reader.line(line)
                    self.whole = True
        except (httpx2.TransportError, httpx2.StreamError, OSError):
            pass
        finally:
            self._began.set()

    def __enter__(self) -> Self:
        assert self._began.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._answer is not None:
            self._cut(self._answer)
        self._client.close()
        self._thread.join(20)

    @staticmethod
    def _cut(answer: httpx2.Response) -> None:
        """Close the socket of a thread that waits for it."""
        socket = answer.extensions["network_stream"].get_extra_info("socket")
        if socket is not None:
            with suppress(OSError):
                socket.shutdown(2)

    @property
    def events(self) -> list[Received]:
        """Returns all events until now."""
        return list(self.reader.events)

    def named(self, name: str) -> list[Received]:
        """Returns the events of one name."""
        return [event for event in self.events if event.name == name]

    @property
    def ids(self) -> list[str]:
        """Returns the ids of the received messages, in order."""
        return [event.data["id"] for event in self.named("message")]

    def wait_for(self, name: str, count: int = 1, within: float = WITHIN) -> list[Received]:
        """Wait for this number of events of a name, and return them."""
        wait_until_blocking(lambda: len(self.named(name)) >= count, within, lambda: f"{name}: {self.events}")
        return self.named(name)

    def ready(self) -> Self:
        """Wait until the viewer has all earlier events."""
        self.wait_for("ready")
        return self

    def ended(self, within: float = WITHIN) -> list[Received]:
        """Returns all events once the stream has ended."""
        self._thread.join(within)
        assert not self._thread.is_alive(), f"it goes on: {self.events}"
        return self.events
