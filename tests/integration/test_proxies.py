"""The service behind nginx, HAProxy and Caddy, each with its file in `proxy/`."""

import asyncio
import re
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from simulator.serialize import serialize
from simulator.signing import signed
from tests import proxies
from tests.attack.smuggling import REFUSED, UPGRADES
from tests.callers import Shop, texts
from tests.debian import Absent
from tests.proxies import Proxy
from tests.servers import Server
from tests.service import APP_SECRET, Service, serving

WAITS: Final = 20.0
END: Final = b"GET /v1/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def services(valkey9: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Service]]:
    """Two instances on one Valkey."""
    place = tmp_path_factory.mktemp("behind-proxies")
    with serving(valkey9.url, place / "one.log") as one, serving(valkey9.url, place / "two.log") as two:
        yield [one, two]


@pytest.fixture(scope="module", params=proxies.PROXIES)
def shared_proxy(
    request: pytest.FixtureRequest, services: list[Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """Yields each proxy, one after the other."""
    try:
        with proxies.running(request.param, services, tmp_path_factory.mktemp(request.param)) as proxy:
            yield proxy
    except Absent as reason:
        pytest.skip(str(reason))


@pytest.fixture
def proxy(shared_proxy: Proxy, services: list[Service], valkey: Server) -> Proxy:
    """Returns the same proxy over an empty store, with a shop."""
    assert valkey.url
    with Shop(services[0].url) as shop:
        shop.connect()
    return shared_proxy


def client(proxy: Proxy) -> httpx2.Client:
    """A client that calls the proxy."""
    return httpx2.Client(base_url=proxy.url, verify=proxy.context, trust_env=False, timeout=WAITS)


def exchange(proxy: Proxy, sent: bytes) -> tuple[list[int], bool]:
    """Returns the statuses of all answers on one TLS connection that sends this request and then a last request. Also
    returns True if the proxy cut the connection, because then a further answer can be lost.
    """
    received, cut = b"", False
    try:
        with (
            socket.create_connection(("127.0.0.1", proxy.port), timeout=WAITS) as plain,
            proxy.context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.settimeout(WAITS)
            connection.sendall(sent + END)
            while part := connection.recv(65_536):
                received += part
    except (ConnectionError, ssl.SSLError):
        cut = True
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)], cut


def methods(services: list[Service]) -> Counter[str]:
    """Returns the methods of the requests that the instances have logged."""
    return Counter(line["method"] for service in services for line in service.lines() if line["event"] == "request")


def test_no_bytes_of_a_body_reach_the_service_as_a_request(proxy: Proxy, services: list[Service]) -> None:
    """The hidden request has a method that no other test uses. It reaches the service only if the proxy also saw a
    request.
    """
    before, seen_by_the_proxy = methods(services), 0
    for case, sent in {**UPGRADES, **REFUSED}.items():
        statuses, cut = exchange(proxy, sent.replace(b"GET /v1/hidden", b"DELETE /v1/hidden"))
        assert len(statuses) <= 2 or case not in UPGRADES, case
        seen_by_the_proxy += len(statuses) == 3 or (cut and case not in UPGRADES)
    assert (methods(services) - before)["DELETE"] <= seen_by_the_proxy


def test_a_large_delivery_is_stored_and_a_larger_one_refused(proxy: Proxy, services: list[Service]) -> None:
    """The proxy has the same limits as the service."""
    large = serialize(texts(["m_large"])) + b" " * (17 * 1024 * 1024)
    with client(proxy) as web, Shop(services[0].url) as shop:
        assert web.post("/webhook", content=large, headers=signed(large, APP_SECRET)).status_code == 200
        assert shop.ids() == ["m_large"]
        assert web.post("/webhook", content=b" " * (19 * 1024 * 1024)).status_code == 413
        # Caddy cuts the body off while it sends the body, and answers 502 if it notices this before the service's own
        # 413.
        refused = {413, 502} if proxy.name == "caddy" else {413}
        assert web.post("/facebook/deauthorize", content=b" " * 70_000).status_code in refused


def test_a_forwarded_address_from_a_client_is_ignored(proxy: Proxy, services: list[Service]) -> None:
    """The log has the address that the proxy saw."""
    with client(proxy) as web:
        assert web.get("/v1/nothing", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
    lines = [line for service in services for line in service.lines() if line["event"] == "request"]
    assert any(line["client"] == "127.0.0.1" for line in lines)
    assert not any(line["client"] == "203.0.113.9" for line in lines)


def test_an_event_arrives_while_its_stream_is_open(proxy: Proxy, services: list[Service]) -> None:
    """No proxy holds an event back until more events come."""
    body = serialize(texts(["m_live"]))
    with client(proxy) as web, Shop(services[0].url) as shop:
        headers = {"Authorization": shop.client.headers["authorization"]}
        with web.stream("GET", str(shop.client.base_url.path).rstrip("/") + "/stream", headers=headers) as stream:
            assert stream.status_code == 200
            lines = stream.iter_lines()
            next(lines)
            assert web.post("/webhook", content=body, headers=signed(body, APP_SECRET)).status_code == 200
            assert any("m_live" in line for line in lines)


@pytest.mark.parametrize("name", proxies.PROXIES)
async def test_one_of_two_instances_is_killed_and_no_delivery_is_lost(
    name: str, valkey: Server, tmp_path: Path
) -> None:
    """A delivery that was answered 200 is stored once. Every other delivery is answered 200 when
    Facebook repeats it.
    """
    try:
        with (
            serving(valkey.url, tmp_path / "one.log") as one,
            serving(valkey.url, tmp_path / "two.log") as two,
            proxies.running(name, [one, two], tmp_path) as proxy,
        ):
            await _deliver_and_kill(proxy, one, two)
    except Absent as reason:
        pytest.skip(str(reason))


async def _deliver_and_kill(proxy: Proxy, killed: Service, other: Service) -> None:
    count = 300
    with Shop(other.url) as shop:
        shop.connect()
    sent = Counter[int | str]()
    async with httpx2.AsyncClient(base_url=proxy.url, verify=proxy.context, trust_env=False, timeout=WAITS) as web:

        async def deliver(number: int) -> int:
            body = serialize(texts([f"m_{number}"]))
            answer = await web.post("/webhook", content=body, headers=signed(body, APP_SECRET))
            # The service's own 503 has a body.
            no_instance = (answer.status_code, answer.content) == (503, b"")
            sent["no instance" if no_instance else answer.status_code] += 1
            return answer.status_code

        async def deliver_all(numbers: list[int]) -> list[int]:
            """Returns the deliveries that were not answered 200."""
            waiting, refused = list(reversed(numbers)), []

            async def sender() -> None:
                while waiting:
                    number = waiting.pop()
                    if number == count // 2:
                        killed.kill()
                    if await deliver(number) != 200:
                        refused.append(number)

            await asyncio.gather(*(sender() for _ in range(8)))
            return refused

        refused = await deliver_all(list(range(count)))
        while refused:  # pytest's time limit ends a test whose proxy never recovers
            refused = await deliver_all(refused)
        assert not {401, "no instance"} & sent.keys(), sent
    with Shop(other.url) as shop:
        assert sorted(await asyncio.to_thread(shop.ids)) == sorted(f"m_{number}" for number in range(count))


@pytest.mark.parametrize("name", [name for name in proxies.PROXIES if name != "caddy"])
def test_only_deliveries_have_no_rate_limit(name: str, services: list[Service], tmp_path: Path) -> None:
    """Other methods are limited like every request of a client. Caddy has no such limits: docs/adr/0021."""
    try:
        # This test has its own proxy, which refuses this machine for some seconds afterwards.
        with proxies.running(name, services, tmp_path) as proxy:
            # The requests are sent together on one connection, so that even a busy machine is fast enough to reach the
            # limit.
            deliveries, _ = exchange(proxy, b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" * 600)
            others, _ = exchange(proxy, b"GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n" * 600)
    except Absent as reason:
        pytest.skip(str(reason))
    assert Counter(deliveries)[401] == 600, Counter(deliveries)
    assert 429 in others, Counter(others)
