"""Viewers during faults: cut connections, killed replicas, Redis down, a client that does not read."""

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.breakable import Breakable
from tests.callers import PAGE, Facebook, Operator, Shop, mint, text_part, texts
from tests.servers import Server
from tests.service import Service, serving
from tests.support import wait_until_blocking
from tests.viewer import Reader, Viewer

CUTS = 25
DELIVERIES = 120
PER_DELIVERY = 10
UNREAD = 1200
"""Messages of 45 KB: more than the queue of a viewer and every buffer on the way can hold."""


class Postman:
    """Delivers to any replica, again and again until the answer is 200, as Facebook does."""

    def __init__(self, replicas: list[Service]) -> None:
        self.replicas = replicas
        self.stop = threading.Event()
        self.failed: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for n in range(DELIVERIES):
            body = texts(f"m_{n}_{at}" for at in range(PER_DELIVERY))
            deadline = time.monotonic() + 60
            while not self._delivered(body, n):
                if time.monotonic() > deadline:
                    self.failed.append(f"delivery {n}")
                    return
        self.stop.set()

    def _delivered(self, body: object, n: int) -> bool:
        replica = self.replicas[n % len(self.replicas)]
        for one in (replica, *self.replicas):
            with suppress(httpx2.TransportError), Facebook(one.url) as facebook:
                if facebook.deliver(body).status_code == 200:  # type: ignore[arg-type]
                    return True
        return False

    def done(self) -> None:
        """Wait until every delivery has been accepted. Fails if one was refused."""
        self._thread.join(90)
        assert not self._thread.is_alive()
        assert self.failed == []


def enough(viewer: Viewer, wanted: int, postman: Postman) -> bool:
    """Returns True if the viewer has seen this number of events, or if everything has been delivered."""
    return len(viewer.ids) >= wanted or postman.stop.is_set()


@pytest.mark.timeout(180)
def test_a_viewer_that_is_often_disconnected_gets_every_message_once_and_in_order(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """Messages arrive through two replicas, and one replica is killed and comes back. The viewer may reconnect to
    either replica."""
    draw = random.Random(7)
    with own_server() as valkey, ExitStack() as stack:
        replicas = [stack.enter_context(serving(valkey.url, tmp_path / f"log-{n}")) for n in range(2)]
        with Shop(replicas[0].url) as shop:
            shop.connect()
            since = "?since=0"
            seen: list[str] = []
            last = ""
            postman = Postman(replicas)
            for cut in range(CUTS):
                if cut == CUTS // 3:
                    replicas[1].kill()
                    replicas[1] = stack.enter_context(serving(valkey.url, tmp_path / "log-again"))
                wanted = draw.randrange(1, 40)
                with Viewer(draw.choice(replicas).url, after=last, query="" if last else since) as viewer:
                    wait_until_blocking(partial(enough, viewer, wanted, postman), 60)
                    viewer.close()
                    assert viewer.named("gap") == []
                    seen += viewer.ids
                    last = viewer.reader.last_id
            postman.done()
            with Viewer(replicas[0].url, after=last, query="" if last else since).ready() as viewer:
                assert viewer.named("gap") == []
                seen += viewer.ids
            assert len(seen) == DELIVERIES * PER_DELIVERY
            assert seen == list(reversed(shop.ids()))


@pytest.mark.parametrize("trouble", ["gone", "hung"])
def test_viewers_stay_connected_during_a_redis_outage_and_get_all_events_afterwards(
    breakable: Breakable, tmp_path: Path, trouble: str
) -> None:
    """No viewer is cut off, and events that were stored meanwhile arrive. A new viewer is asked to come later."""
    begin, end = {"gone": (breakable.stop, breakable.start), "hung": (breakable.hang, breakable.go_on)}[trouble]
    with serving(breakable.url, tmp_path / "log") as service, Shop(service.url, patient=False) as shop:
        shop.connect()
        with Facebook(service.url, patient=False) as facebook, Viewer(service.url).ready() as viewer:
            facebook.text("m_1")
            viewer.wait_for("message")
            last = viewer.reader.last_id
            begin()
            wait_until_blocking(lambda: refused(service, last) == 503)
            assert facebook.text("m_2").status_code == 503
            end()
            wait_until_blocking(lambda: facebook.text("m_2").status_code == 200)
            viewer.wait_for("message", 2)
            facebook.text("m_3")
            viewer.wait_for("message", 3)
            assert viewer.ids == ["m_1", "m_2", "m_3"]
            assert [told.name for told in viewer.events] == ["ready", "message", "message", "message"]


def refused(service: Service, last: str) -> int:
    """Returns the status that a viewer gets who connects again now."""
    with Viewer(service.url, after=last) as viewer:
        return viewer.status


def test_a_viewer_that_does_not_read_is_disconnected_and_can_continue_without_loss(
    valkey_url: str, tmp_path: Path
) -> None:
    """This viewer delays no other viewer: while it reads nothing, another viewer of the same shop gets everything."""
    words = "ក" * 15_000
    with serving(valkey_url, tmp_path / "log") as service, Shop(service.url) as shop:
        shop.connect()
        with (
            Facebook(service.url) as facebook,
            Operator(service.ops_url) as operator,
            Viewer(service.url).ready() as quick,
            lazy(service) as connection,
        ):
            before = operator.counts("streams_ended_total")[("slow",)]
            for first in range(0, UNREAD, 40):
                parts = [text_part(f"m_{first + n}", words) for n in range(40)]
                body = {"object": "page", "entry": [{"id": PAGE, "time": 1, "messaging": parts}]}
                assert facebook.deliver(body).status_code == 200
            wait_until_blocking(lambda: operator.counts("streams_ended_total")[("slow",)] > before, 60)
            quick.wait_for("message", UNREAD, 60)
            reader = Reader()
            for line in read_to_the_end(connection).decode(errors="replace").split("\n"):
                reader.line(line.removesuffix("\r"))
        with Viewer(service.url, after=reader.last_id).ready() as again:
            told = [event.data["id"] for event in reader.events if event.name == "message"] + again.ids
            assert told == quick.ids == [f"m_{n}" for n in range(UNREAD)]


def lazy(service: Service) -> socket.socket:
    """Returns a connection that has asked for a stream and reads nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", service.port))
    request = (
        f"GET /v1/shops/shop-1/stream?since=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {mint('shop-1')}\r\n\r\n"
    )
    connection.sendall(request.encode())
    return connection


def read_to_the_end(connection: socket.socket) -> bytes:
    """Returns what the other side has sent, without the marks of chunks."""
    received = bytearray()
    with suppress(OSError):
        while part := connection.recv(65536):
            received += part
    body, found = bytes(received).partition(b"\r\n\r\n")[2], b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found += rest[:length]
        body = rest[length + 2 :]
    return found
