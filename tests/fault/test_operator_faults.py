"""Under load, an operator makes a mistake or a machine has a fault. No message that was answered 200 is lost."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from tests import fork_server
from tests.callers import Operator, Shop
from tests.certificates import Pki, make_pki
from tests.debian import Absent, library
from tests.fault.conftest import EndsWith
from tests.fault.load import Load, loading
from tests.fault.rows import FULL
from tests.fault.senders import Flood, connected
from tests.fault.test_redis_troubles import goes_on, loaded
from tests.fault.test_redis_unfit import config, with_user
from tests.servers import Server, free_ports, redis7
from tests.service import Process, Service, environment, serving
from tests.support import wait_until

pytestmark = pytest.mark.timeout(240)

WITHIN: Final = 60.0
REFUSED: Final = 50
"""Refused deliveries to wait for before the mistake is corrected."""
RELOADS: Final = 20 if FULL else 3
AHEAD: Final = timedelta(days=5, hours=1)

OwnServer = Callable[..., AbstractContextManager[Server]]


async def is_ready(service: Service, wanted: bool) -> None:
    """Wait for the answer of /readyz. Each request lets the service check its Redis, as probes do."""
    for _ in range(600):
        if await asyncio.to_thread(service.answers, "/readyz") is wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"/readyz was not {wanted} within a minute")


async def refused(load: Load) -> None:
    """Wait until deliveries have been refused."""
    before = load.statuses[503]
    await wait_until(lambda: load.statuses[503] >= before + REFUSED, WITHIN)


@pytest.mark.fault("maxmemory-policy of Redis changed to one that evicts, and back")
async def test_no_message_is_lost_if_the_eviction_policy_is_wrong_for_a_time(
    own_server: OwnServer, tmp_path: Path, row: EndsWith
) -> None:
    """Deliveries are refused until the policy is right again."""
    with own_server() as server:
        async with loaded(server.url, tmp_path / "log") as (service, load):
            config(server, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            await is_ready(service, False)
            await refused(load)
            config(server, "CONFIG", "SET", "maxmemory-policy", "noeviction")
            corrected = time.monotonic()
            await is_ready(service, True)
            await goes_on(service, load, row, corrected)


@pytest.mark.fault("the rights of the Redis user to run scripts taken away, and given back")
async def test_no_message_is_lost_if_the_redis_user_loses_its_rights_for_a_time(
    own_server: OwnServer, tmp_path: Path, row: EndsWith
) -> None:
    """The service is not ready while the rights are missing, so that a rollout stops."""
    with own_server() as server:
        async with loaded(with_user(server, "+@all"), tmp_path / "log") as (service, load):
            config(server, "ACL", "SETUSER", "limited", "-@scripting")
            await is_ready(service, False)
            await refused(load)
            config(server, "ACL", "SETUSER", "limited", "+@scripting")
            await goes_on(service, load, row, time.monotonic())


@pytest.mark.fault("a Redis in which no Page was ever connected, until one is")
async def test_deliveries_to_a_redis_without_pages_are_refused_until_a_page_is_connected(
    own_server: OwnServer, tmp_path: Path, row: EndsWith
) -> None:
    """A Redis without Pages may be the wrong one. Facebook repeats the refused deliveries."""
    with own_server() as server, serving(server.url, tmp_path / "log") as service:
        async with loading(service.url) as load:
            await refused(load)
            assert load.acknowledged == set()
            with Shop(service.url) as shop:
                await asyncio.to_thread(shop.connect)
            # A delivery that arrives while the Page is being connected may count as one of an unknown Page: 200, and
            # not stored.
            await load.reach(1)
            load.acknowledged.clear()
            await goes_on(service, load, row, time.monotonic())


@pytest.mark.fault("the certificate of a Redis over TLS replaced by one of another authority, and back")
async def test_no_message_is_lost_if_redis_has_a_wrong_certificate_for_a_time(
    own_server: OwnServer, tmp_path: Path, row: EndsWith
) -> None:
    """The service does not use a Redis with a wrong certificate. It stores deliveries again when the right certificate
    is back."""
    try:
        binary = redis7()
    except Absent as reason:
        pytest.skip(str(reason))
    for name in ("right", "wrong"):
        (tmp_path / name).mkdir()
    right, wrong = make_pki(tmp_path / "right"), make_pki(tmp_path / "wrong")
    (port,) = free_ports(1)
    files = {
        "REDIS_TLS_CA": str(right.ca), "REDIS_TLS_CERT": str(right.cert), "REDIS_TLS_KEY": str(right.key)
    }  # fmt: skip
    own = own_server("tls", binary=binary, extra=["--tls-port", str(port), *right.server_options])
    with own as server:

        def present(pki: Pki) -> None:
            config(server, "CONFIG", "SET", "tls-cert-file", str(pki.cert), "tls-key-file", str(pki.key))
            config(server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        url = f"rediss://127.0.0.1:{port}/0"
        async with loaded(url, tmp_path / "log", **files) as (service, load):
            present(wrong)
            await refused(load)
            present(right)
            await goes_on(service, load, row, time.monotonic())


@pytest.mark.fault("the clock of Redis five days ahead, then set right")
async def test_no_message_is_lost_if_the_clock_of_redis_is_wrong_for_a_time(
    own_server: OwnServer, tmp_path: Path, row: EndsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that only Redis calls too old is refused, and not dropped."""
    try:
        faketime = library("libfaketime.so.1", package="libfaketime")
    except Absent as reason:
        pytest.skip(str(reason))
    clock = tmp_path / "clock"
    clock.write_text(f"+{AHEAD // timedelta(seconds=1)}s")
    wrong = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with monkeypatch.context() as patch:
        for name, value in wrong.items():
            patch.setenv(name, value)
        started = own_server()
        server = started.__enter__()
    try:
        with redis.Redis.from_url(server.url) as client:
            found: Any = client.time()
        assert found[0] > time.time() + AHEAD.total_seconds() - 60
        with serving(server.url, tmp_path / "log") as service:
            with Shop(service.url) as shop:
                shop.connect()
            async with loading(service.url) as load:
                await refused(load)
                assert load.acknowledged == set()
                clock.write_text("+0s")
                await goes_on(service, load, row, time.monotonic())
    finally:
        started.__exit__(None, None, None)


@pytest.mark.fault("SIGHUP again and again: secrets and settings read again")
async def test_no_message_is_lost_when_the_settings_are_reloaded(
    own_server: OwnServer, tmp_path: Path, row: EndsWith
) -> None:
    """Deliveries arrive on connections that stay open."""
    with own_server() as server:
        async with loaded(server.url, tmp_path / "log") as (service, load):
            for number in range(1, RELOADS + 1):
                service.process.send_signal(signal.SIGHUP)
                await wait_until(lambda number=number: reloads(service) >= number, WITHIN)  # type: ignore[misc]
                await load.reach(50)
            since = time.monotonic()
            recovery = await load.recovered(since)
            with Shop(service.url) as shop:
                acknowledged = set(load.acknowledged)
                found = await asyncio.to_thread(shop.ids)
            load.acknowledged &= acknowledged
            row(load, found, recovery=recovery)


def reloads(service: Service) -> int:
    """Returns how often the settings were read again."""
    return sum(line["event"] == "settings_read_again" for line in service.lines())


def writing_to(output: int, url: str) -> Process:
    """Start a service whose standard output is this open file."""
    with Path(os.devnull).open("r+b") as nothing, os.fdopen(output, "wb") as log:
        return fork_server.start(["serve"], environment(url), (nothing, log, nothing))


@pytest.mark.fault("a reader of the log that stops reading")
async def test_the_service_works_normally_if_the_reader_of_its_log_stops(
    own_server: OwnServer, tmp_path: Path, row: EndsWith
) -> None:
    """Deliveries, reads, /livez and SIGTERM all work. A metric counts the lost lines."""
    reading, writing = os.pipe()
    with own_server() as server:
        process = writing_to(writing, server.url)
        try:
            text = b""
            while b'"event":"listening"' not in text:
                text += os.read(reading, 65_536)
            (ports,) = (json.loads(line) for line in text.splitlines() if b'"event":"listening"' in line)
            service = Service(process, tmp_path / "unused", ports["port"], ports["ops_port"])
            await is_ready(service, True)
            with Shop(service.url) as shop, Operator(service.ops_url) as operator:
                await asyncio.to_thread(shop.connect)
                strangers = [Flood(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", Counter()) for _ in range(4)]
                async with loading(service.url) as load, connected(service, strangers):
                    await wait_until(lambda: operator.counts("log_lines_lost_total")[()] > 0, within=120)
                    stopped = time.monotonic()
                    recovery = await load.recovered(stopped)
                found = await asyncio.to_thread(shop.ids)
                assert service.answers("/livez")
                assert operator.counts("log_lines_lost_total")[()] > 0
            assert await asyncio.to_thread(service.terminate) == 0
            row(load, found, recovery=recovery)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(reading)
