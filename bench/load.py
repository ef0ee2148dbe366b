"""Prepares signed deliveries that never repeat, and sends them. A repeated `mid` would measure deduplication instead of
storing. Everything is built before the clock starts. While it runs, the sender only sends bytes and checks the first
and last bytes of each answer.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

import uvloop

from bench.caller import request
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.secret import Secret
from simulator import texts
from simulator.customers import new_mid
from simulator.payloads import delivery, entry, from_customer, one_message
from simulator.serialize import Document, serialize
from simulator.signing import signed
from simulator.traffic import Habits, Traffic

APP_SECRET: Final = Secret("app-secret-of-the-benchmark")
CONNECTIONS: Final = 64
"""The number of connections. Facebook opens a few dozen connections to a busy receiver."""
CUSTOMERS: Final = 40
"""Customers of each shop."""
PER_BATCH: Final = 100
"""Messages per delivery while a store is filled before a measurement."""
AGAIN_SECONDS: Final = 0.2
"""Seconds from a refusal to the next try."""
PATIENCE_SECONDS: Final = 60.0
"""Seconds: the longest time of a load."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A shop and its only Page."""

    shop: ShopId
    page: PageId


def tenants(count: int) -> list[Tenant]:
    """Returns this number of shops."""
    return [Tenant(ShopId(f"shop-{n}"), PageId(str(104_200_000_000_000 + n))) for n in range(count)]


def posted(document: Document) -> bytes:
    """Returns the signed request of a delivery."""
    body = serialize(document)
    ((name, value),) = signed(body, APP_SECRET)
    return request("POST", "/webhook", body=body).replace(b"\r\n", b"\r\n%s: %s\r\n" % (name, value), 1)


def _text(rng: random.Random) -> str:
    return "\n".join(texts.customer_line(rng, rng.randrange(4)) for _ in range(2))


def _customer(rng: random.Random, page: PageId) -> Psid:
    return Psid(str(int(page) * 10 + rng.randrange(CUSTOMERS)))


def single_messages(count: int, among: Sequence[Tenant], rng: random.Random) -> list[bytes]:
    """Returns deliveries of one text each, in Khmer, English or both: bodies of about 600 bytes in Facebook's
    spelling."""
    return [request_ for _, request_ in named_messages(count, among, rng)]


def named_messages(count: int, among: Sequence[Tenant], rng: random.Random) -> list[tuple[MessageId, bytes]]:
    """Returns the same deliveries, each with the id of its message."""
    now = time.time_ns() // 1_000_000
    found = []
    for tenant in rng.choices(among, k=count):
        mid = new_mid(rng)
        document = one_message(tenant.page, _customer(rng, tenant.page), _text(rng), mid, now)
        found.append((mid, posted(document)))
    return found


def batch(page: PageId, texts_of: Iterable[tuple[Psid, str]], rng: random.Random) -> bytes:
    """Returns one delivery with these texts of customers."""
    now = time.time_ns() // 1_000_000
    parts = [from_customer(page, psid, now, message={"mid": new_mid(rng), "text": text}) for psid, text in texts_of]
    return posted(delivery([entry(page, now, "messaging", parts)]))


def filling(count: int, among: Sequence[Tenant], rng: random.Random) -> Iterator[bytes]:
    """Yields deliveries with `count` texts in all. The shops take turns, and a delivery has many texts."""
    for first in range(0, count, PER_BATCH):
        page = among[first // PER_BATCH % len(among)].page
        yield batch(page, ((_customer(rng, page), _text(rng)) for _ in range(min(PER_BATCH, count - first))), rng)


def mixed_traffic(deliveries: int, among: Sequence[Tenant], rng: random.Random, customers: int) -> Iterator[bytes]:
    """Returns realistic deliveries: every kind of event, single and in batches."""
    now = time.time_ns() // 1_000_000
    traffic = Traffic([tenant.page for tenant in among], rng, Habits(customers=customers))
    for _ in range(deliveries):
        yield posted(traffic.delivery(now).document)


@dataclass(frozen=True, slots=True)
class Poured:
    """The result of a load. `answered` counts all answers with 200, also during the warm-up."""

    per_second: float
    busy: float
    """The share of one core that the server used. If it is clearly less than 1, something else was the limit."""
    answered: int


def pour(
    port: int,
    requests: Sequence[bytes],
    *,
    seconds: float = PATIENCE_SECONDS,
    warm_up: float = 0.0,
    cpu: Callable[[], float] = lambda: 0.0,
    patient: bool = False,
) -> Poured:
    """Send for `seconds` after `warm_up`, or until all requests are sent. Each request is sent once, over keep-alive
    connections.

    `cpu` is the server's processor time. Every answer is awaited. Raises RuntimeError at the first answer that is not
    200. With `patient`, a request that is answered 503 is sent again, as Facebook does.
    """
    return uvloop.run(_Pour(requests, cpu, patient).run(port, seconds, warm_up))


class _Pour:
    def __init__(self, requests: Sequence[bytes], cpu: Callable[[], float], patient: bool) -> None:
        self.requests = iter(requests)
        self.patient = patient
        self.answered = 0
        self._cpu = cpu
        self.sending = 0
        self.done = asyncio.Event()
        self.failure = ""

    async def run(self, port: int, seconds: float, warm_up: float) -> Poured:
        loop = asyncio.get_running_loop()
        connections = []
        for _ in range(CONNECTIONS):
            _, protocol = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)
            connections.append(protocol)
        self.sending = len(connections)
        try:
            for connection in connections:
                connection.following()
            await self._over(warm_up)
            began, cpu, before = time.perf_counter(), self._cpu(), self.answered
            await self._over(min(seconds, PATIENCE_SECONDS))
            took, cpu = time.perf_counter() - began, self._cpu() - cpu
            measured = self.answered - before
            self.requests = iter(())
            await self._over(PATIENCE_SECONDS)
            if self.failure or self.sending:
                raise RuntimeError(self.failure or "the server does not answer")
        finally:
            for connection in connections:
                connection.transport.close()
        return Poured(measured / took, cpu / took, self.answered)

    async def _over(self, seconds: float) -> None:
        """Return after this number of seconds, or when all is sent and answered."""
        if seconds:
            try:
                await asyncio.wait_for(self.done.wait(), seconds)
            except TimeoutError:
                return


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, owner: _Pour) -> None:
        self._owner = owner
        self._part = b""
        self._sent = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def following(self) -> None:
        owner = self._owner
        request_ = next(owner.requests, None)
        if request_ is not None:
            self._sent = request_
            self.transport.write(request_)
            return
        owner.sending -= 1
        if not owner.sending:
            owner.done.set()

    def data_received(self, data: bytes) -> None:
        data = self._part + data
        if self._owner.patient and data.startswith(b"HTTP/1.1 503"):
            self._again(data)
            return
        if data[-4:] != b"\r\n\r\n":  # all contestants answer without a body
            self._part = data
            return
        self._part = b""
        if data[:12] != b"HTTP/1.1 200":
            self._fail(f"answered {data[:200]!r}")
            return
        self._owner.answered += 1
        self.following()

    def _again(self, data: bytes) -> None:
        """Send the request again after the refusal is read and a pause is over."""
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        self._part = data if len(body) < length else b""
        if not self._part:
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self.transport.write, self._sent)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._owner.sending:
            self._fail(f"connection lost: {exc}")

    def _fail(self, why: str) -> None:
        self._owner.failure = self._owner.failure or why
        self._owner.done.set()
