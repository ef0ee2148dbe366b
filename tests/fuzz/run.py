"""An endless sequence of bodies against a running service. Every shop is read and compared with its world."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import orjson

from simulator.signing import signed
from tests.callers import mint
from tests.fuzz.world import Kept, Key, World, garbled
from tests.service import APP_SECRET, Service

WORLDS: Final = 16
"""Shops at the same time. Each sends one body after the other, so that its model has no races."""
BODIES: Final = 250
"""Bodies of one world until it is compared and purged, and another world begins."""
GARBLED: Final = 0.25
"""Share of bodies that are broken on purpose. They are for Pages without a shop, so they store nothing."""
PATIENCE_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 0.1
"""Seconds to wait after a 503, which a busy machine may cause. It is counted, and the body is sent again."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)")
_STRANGER: Final = 900_000
"""The number of a world whose Pages no shop has connected."""


class Wrong(AssertionError):
    """A result that is not allowed: a wrong read, or a wrong answer."""


@dataclass
class Found:
    """The result of a run."""

    bodies: int = 0
    statuses: "Counter[int]" = field(default_factory=Counter)
    compared: int = 0
    """Messages read and compared."""
    worlds: int = 0
    refused: int = 0
    """Answers of 503. Each body was sent again."""


class Wire:
    """A keep-alive connection to the service."""

    def __init__(self, port: int) -> None:
        self.refused = 0
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
        """Returns status and body of the answer. After a 503 it asks again."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (answer := await self._ask(method, path, body, *headers))[0] == 503:
                self.refused += 1
                await asyncio.sleep(AGAIN_SECONDS)
        return answer

    async def _ask(self, method: str, path: str, body: bytes, *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        length = b"Content-Length: %d\r\n" % len(body)
        writer.write(b"%b %b HTTP/1.1\r\nHost: x\r\n%b%b\r\n%b" % (method.encode(), path.encode(), lines, length, body))
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head.lower())
        answer = await reader.readexactly(int(found[1])) if found else b""
        if b"connection: close" in head.lower():
            self.close()
        return int(head[9:12]), answer

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


class Shop:
    """A world and its shop."""

    def __init__(self, world: World, wire: Wire) -> None:
        self.world = world
        self._wire = wire
        self._token = (b"Authorization", f"Bearer {mint(world.shop)}".encode())

    async def call(self, method: str, path: str, body: bytes = b"") -> Any:
        """Returns the answer's JSON. Any status but 200 is wrong."""
        status, answer = await self._wire.ask(method, f"/v1/shops/{self.world.shop}{path}", body, self._token)
        if status != 200:
            raise Wrong(f"{method} {path} was answered {status}: {answer!r}")
        return orjson.loads(answer)

    async def connect(self) -> None:
        """Connect the Pages of the shop."""
        for page in self.world.pages:
            await self.call("PUT", f"/pages/{page}", b"{}")

    async def deliver(self, body: bytes) -> int:
        """Returns the status of a delivery."""
        status, _ = await self._wire.ask("POST", "/webhook", body, *signed(body, APP_SECRET))
        return status

    async def walk(self, what: str) -> list[dict[str, Any]]:
        """Returns all messages, read page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self.call("GET", f"/{what}?limit=100&cursor={quote(cursor)}")
            found += page[what]
            cursor = page["next_cursor"]
        return found

    async def compare(self) -> int:
        """Read everything, and fail if something differs from the world. Returns the number of messages."""
        expected = self.world.readable()
        messages = await self.walk("messages")
        read: dict[Key, Kept] = {}
        for message in messages:
            key = (message["page_id"], message["id"])
            if key in read:
                raise Wrong(f"{key} is shown twice")
            read[key] = _kept(message)
            if message["conversation_id"] != f"{read[key].page}_{read[key].customer}":
                raise Wrong(f"{key} stands in another conversation: {message}")
        if read != expected:
            wrong = {key for key in read.keys() | expected.keys() if read.get(key) != expected.get(key)}
            told = "; ".join(f"{key}: read {read.get(key)}, expected {expected.get(key)}" for key in sorted(wrong)[:3])
            raise Wrong(f"{len(wrong)} messages are wrong: {told}")
        counts = Counter(f"{kept.page}_{kept.customer}" for kept in expected.values())
        conversations = {one["id"]: one["message_count"] for one in await self.walk("conversations")}
        if conversations != counts:
            raise Wrong(f"conversations {conversations}, expected {counts}")
        return len(messages)

    async def purge(self) -> None:
        """Delete everything. Nothing is readable afterwards."""
        await self.call("DELETE", "/messages")
        if left := await self.walk("messages"):
            raise Wrong(f"{len(left)} messages outlived the purge")


def _kept(message: dict[str, Any]) -> Kept:
    urls = tuple(one["url"] for one in message.get("attachments", ()))
    return Kept(
        message["page_id"], message["conversation_id"].partition("_")[2], message["direction"], message["kind"],
        message.get("text"), urls, message.get("standby", False), message.get("edits", 0),
    )  # fmt: skip


async def run(
    service: Service, bodies: int, seed: int, *, worlds: int = WORLDS, told: Callable[[int], None] = lambda _: None
) -> Found:
    """Send this number of bodies. Raises Wrong with the world's number: with this number the seed draws the same world
    again.

    `told` is called with the number of bodies since its last call.
    """
    found, numbers = Found(), iter(range(bodies))

    async def one_after_the_other() -> None:
        wire = Wire(service.port)
        try:
            while found.bodies < bodies:
                number = next(numbers)
                try:
                    await live(number, wire, random.Random(f"{seed}/{number}"), found, bodies, told)
                except Wrong as wrong:
                    raise Wrong(f"seed {seed}, world {number}: {wrong}") from None
        finally:
            found.refused += wire.refused
            wire.close()

    tasks: list[Coroutine[Any, Any, None]] = [one_after_the_other() for _ in range(worlds)]
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(task)
    return found


async def live(
    number: int, wire: Wire, rng: random.Random, found: Found, bodies: int, told: Callable[[int], None]
) -> None:
    """Run one world, from its connection to its purge."""
    shop, stranger = Shop(World(number, rng), wire), World(_STRANGER, rng)
    await shop.connect()
    for _ in range(BODIES):
        if found.bodies >= bodies:
            break
        found.bodies += 1
        if rng.random() < GARBLED:
            body, allowed = garbled(stranger.delivery(), rng), {200, 400}
        else:
            body, allowed = shop.world.delivery(), {200}
        status = await shop.deliver(body)
        found.statuses[status] += 1
        told(1)
        if status not in allowed:
            raise Wrong(f"answered {status}: {body!r}")
    found.compared += await shop.compare()
    await shop.purge()
    found.worlds += 1
