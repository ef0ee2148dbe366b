"""Several worker processes on one port that work as one service."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import Facebook, Operator, Shop, texts
from tests.servers import Server
from tests.service import APP_SECRET, STOP_SECONDS, Service, environment, forked, serving
from tests.support import NO_TLS, wait_until_blocking
from tests.viewer import Viewer

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads the list of processes from /proc"),
    pytest.mark.timeout(180),
]

CONNECTIONS = 16
EACH = 8
"""Deliveries on one connection."""
WITHIN = 60.0
"""A failed check takes five seconds and a start takes one second. Two cores can be busy with other programs."""


@contextmanager
def two_workers(valkey: Server, log: Path) -> Iterator[Service]:
    """A service with a shop and two workers. Both workers serve."""
    with serving(valkey.url, log, WEB_CONCURRENCY="2") as service, Operator(service.ops_url) as operator:
        wait_until_blocking(lambda: operator.counts("workers")[()] == 2, within=WITHIN)
        with Shop(service.url) as shop:
            shop.connect()
        yield service


def taken(service: Service, mid: str) -> bool:
    """Send a delivery on a new connection. Returns True if it is answered 200 in time."""
    try:
        with Facebook(service.url) as facebook:
            return facebook.text(mid).status_code == 200
    except httpx2.TransportError:
        return False


def live(pid: int) -> bool:
    """Returns True if the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sockets(pid: int) -> int:
    """Returns the number of sockets of a process."""
    found = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the connection was closed at this moment
            found += str(file.readlink()).startswith("socket:")
    return found


def accepted(operator: Operator, at_least: int) -> int:
    """Returns the number of counted deliveries. If a worker was too busy to answer one scrape, the next scrape has its
    count.
    """
    wait_until_blocking(lambda: operator.counts("deliveries_total")[("accepted",)] >= at_least, within=WITHIN)
    return operator.counts("deliveries_total")[("accepted",)]


async def deliver(url: str, connection: int) -> None:
    """Send some deliveries on a new connection."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS, timeout=WITHIN) as client:
        for number in range(EACH):
            body = serialize(texts([f"m_{connection}_{number}"]))
            assert (await client.post("/webhook", content=body, headers=signed(body, APP_SECRET))).status_code == 200


async def test_two_workers_answer_readers_viewers_and_scrapes_as_one_service(valkey: Server, tmp_path: Path) -> None:
    """Every reader and every viewer sees every message, and each scrape has all counts."""
    with two_workers(valkey, tmp_path / "log") as service, ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(service.url)) for _ in range(8)]
        operator = stack.enter_context(Operator(service.ops_url))
        wait_until_blocking(lambda: operator.counts("viewers")[()] == len(viewers), within=WITHIN)
        await asyncio.gather(*(deliver(service.url, connection) for connection in range(CONNECTIONS)))
        sent = {f"m_{connection}_{number}" for connection in range(CONNECTIONS) for number in range(EACH)}
        accepted(operator, len(sent))
        for _ in range(3):  # any of the workers may answer
            with Shop(service.url) as shop:
                found = shop.ids()
            assert (set(found), len(found)) == (sent, len(sent))
            for metric, labels in (
                ("deliveries_total", ("accepted",)),
                ("events_total", ("message", "stored")),
                ("webhook_body_bytes_count", ()),
            ):  # a worker that is too busy for one scrape is in the next one
                wait_until_blocking(lambda m=metric, key=labels: operator.counts(m)[key] == len(sent), within=WITHIN)  # type: ignore[misc]
        for viewer in viewers:
            viewer.wait_for("message", len(sent), WITHIN)
            assert (set(viewer.ids), len(viewer.ids)) == (sent, len(sent))
        wait_until_blocking(lambda: all(operator.checks().values()), within=WITHIN)
        assert operator.checks().keys() >= {"redis", "accepting", "tasks", "workers"}
        wait_until_blocking(lambda: operator.counts("queue_messages")[()] == 0, within=WITHIN)
        assert service.terminate() == 0
    events = [line["event"] for line in service.lines()]
    assert (events.count("opened"), events.count("listening"), events[-1]) == (2, 1, "closed")
    assert events.count("request") >= len(sent)


def test_workers_share_connections_and_end_with_their_supervisor(valkey: Server, tmp_path: Path) -> None:
    """Without a rule, one worker of an idle service would accept all connections. A unit test checks that the workers
    get about equal numbers of connections. This test cannot, because on this machine one worker may get little
    processor time. After a SIGKILL of the supervisor, the port is free for the next service.
    """
    with two_workers(valkey, tmp_path / "log") as service:
        workers = service.workers()
        before = {pid: sockets(pid) for pid in workers}
        assert len(workers) == 2
        with ExitStack() as stack:

            def both_hold_many() -> bool:
                for _ in range(CONNECTIONS):
                    stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
                return min(sockets(pid) - held for pid, held in before.items()) >= CONNECTIONS

            wait_until_blocking(both_hold_many, within=WITHIN)
        service.kill()
        wait_until_blocking(lambda: not any(map(live, workers)), within=WITHIN)
        with socket.create_server(("127.0.0.1", service.port)):
            pass


def test_a_worker_that_hangs_or_ends_is_replaced(valkey: Server, tmp_path: Path) -> None:
    """A delivery to the worker that hangs is sent again. /livez fails until the worker is replaced, after 15 s. No
    counter decreases, because a scraper would read a decrease as a restart. So the counts of a dead worker stay, and a
    worker that ends normally reports its last counts.
    """
    with two_workers(valkey, tmp_path / "log") as service, Operator(service.ops_url) as operator:
        hanging = service.workers()[0]
        os.kill(hanging, signal.SIGSTOP)
        wait_until_blocking(lambda: not service.answers("/livez"), within=WITHIN)
        assert operator.checks()["workers"] is False
        assert operator.counts("workers")[()] == 1
        for number in range(3):
            wait_until_blocking(lambda number=number: taken(service, f"m_{number}"), within=WITHIN)  # type: ignore[misc]
        replaced(service, operator, hanging)
        assert operator.counts("worker_deaths_total") == {("hung",): 1, ("exit",): 0, ("signal",): 0}
        wait_until_blocking(lambda: service.answers("/livez") and service.answers("/readyz"), within=WITHIN)

        counted = operator.counts("deliveries_total")[("accepted",)]
        deliver_each_on_a_new_connection(service, range(10, 30))
        assert accepted(operator, counted + 20) == counted + 20
        killed = service.workers()[0]
        os.kill(killed, signal.SIGKILL)
        replaced(service, operator, killed)
        assert operator.counts("worker_deaths_total")[("signal",)] == 1
        assert accepted(operator, counted + 20) == counted + 20
        ended = service.workers()[0]
        deliver_each_on_a_new_connection(service, range(30, 50))
        os.kill(ended, signal.SIGTERM)
        replaced(service, operator, ended)
        assert operator.counts("worker_deaths_total") == {("signal",): 1, ("exit",): 1, ("hung",): 1}
        assert accepted(operator, counted + 40) == counted + 40


def replaced(service: Service, operator: Operator, worker: int) -> None:
    """Wait until a worker has ended and another one serves in its place."""
    wait_until_blocking(lambda: worker not in service.workers(), within=3 * WITHIN)
    wait_until_blocking(lambda: operator.counts("workers")[()] == 2, within=WITHIN)


def deliver_each_on_a_new_connection(service: Service, numbers: range) -> None:
    """Deliver on new connections, so that both workers get some deliveries."""
    for number in numbers:
        with Facebook(service.url) as facebook:
            assert facebook.text(f"m_{number}").status_code == 200


def test_a_service_whose_workers_cannot_start_ends(tmp_path: Path) -> None:
    """The supervisor can read the file of a secret, but the file is gone when the workers read it."""
    keys = tmp_path / "keys"
    os.mkfifo(keys)
    told = environment("unix:///nonexistent.sock", WEB_CONCURRENCY="2", TOKEN_KEYS="", TOKEN_KEYS_FILE=str(keys))
    with forked(["serve"], tmp_path / "log", told) as process:
        with keys.open("w") as file:  # it waits for its reader
            keys.unlink()
            file.write("token-key-of-the-test-service-32")
        assert process.wait(STOP_SECONDS) == 1
    assert "TOKEN_KEYS names a file that cannot be read" in (tmp_path / "log").read_text()
