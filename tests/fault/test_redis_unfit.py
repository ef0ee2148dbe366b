"""A Redis that would lose acknowledged messages, or accepts no writes: the service refuses it and says why."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from domain.ids import MessageId
from simulator.payloads import one_message
from tests.callers import CUSTOMER, PAGE, Facebook, Operator, Shop
from tests.debian import Absent, library
from tests.servers import Server, admin
from tests.service import Service, environment, run_command, serving, serving_program
from tests.support import NO_TLS, wait_until_blocking

WITHIN = 30.0
"""Seconds until a test gives up, because the machine may be busy."""
OwnServer = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def own(own_server: OwnServer) -> Iterator[Server]:
    """A Valkey whose configuration a test may change."""
    with own_server() as server:
        yield server


def config(server: Server, *words: str) -> Any:
    """Run one command of an administrator."""
    with redis.Redis.from_url(server.url) as client:
        return admin(client, *words)


def with_user(server: Server, *rules: str) -> str:
    """Returns the server's address for a user with these rights."""
    config(server, "ACL", "SETUSER", "limited", "on", ">limited-password", "~*", "&*", *rules)
    if server.url.startswith("unix://"):
        return server.url.replace("unix://", "unix://limited:limited-password@", 1)
    return server.url.replace("redis://", "redis://limited:limited-password@", 1)


def readiness(service: Service) -> httpx2.Response:
    """Returns the answer of /readyz."""
    return httpx2.get(f"{service.ops_url}/readyz", trust_env=False, verify=NO_TLS, timeout=5)


def checks(service: Service) -> dict[str, bool]:
    """Returns each check, and whether it passes."""
    with Operator(service.ops_url) as operator:
        return operator.checks()


def test_serve_refuses_to_start_where_redis_may_evict(own_server: OwnServer, tmp_path: Path) -> None:
    """The service ends at once and names the setting of Redis to change."""
    with own_server(extra=["--maxmemory-policy", "allkeys-lru"]) as server:
        ended = run_command(["serve"], environment(server.url))
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert "maxmemory-policy" in said
    assert "noeviction" in said


def test_a_policy_that_is_changed_later_stops_deliveries_until_it_is_changed_back(own: Server, tmp_path: Path) -> None:
    """The service is not ready and answers deliveries 503, because Redis could evict an acknowledged message."""
    with serving(own.url, tmp_path / "log") as service, Shop(service.url) as shop, Facebook(service.url) as facebook:
        shop.connect()
        assert facebook.text("m_before").status_code == 200
        config(own, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        wait_until_blocking(lambda: readiness(service).status_code == 503, WITHIN)
        assert not checks(service)["redis_configuration"]
        refused = facebook.text("m_meanwhile")
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        config(own, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        wait_until_blocking(lambda: readiness(service).status_code == 200, WITHIN)
        assert facebook.text("m_meanwhile").status_code == 200
        assert set(shop.ids()) == {"m_before", "m_meanwhile"}


def test_a_user_that_may_not_run_scripts_leaves_the_service_unready(own: Server, tmp_path: Path) -> None:
    """PING would work, but the script of a delivery does not."""
    url = with_user(own, "+@all", "-@scripting")
    with serving(url, tmp_path / "log", ready="/livez") as service:
        answer = readiness(service)
    assert answer.status_code == 503
    assert {check["name"] for check in answer.json()["checks"] if not check["ok"]} >= {"redis"}


def test_a_replica_leaves_the_service_unready(own: Server, own_server: OwnServer, tmp_path: Path) -> None:
    """A replica answers PING and refuses every message."""
    with own_server("primary") as primary:
        host = ["--replicaof", "127.0.0.1", "1"]
        assert primary.url
        config(own, "CONFIG", "SET", "replica-read-only", "yes")
        config(own, "REPLICAOF", host[1], host[2])
        with serving(own.url, tmp_path / "log", ready="/livez") as service:
            assert readiness(service).status_code == 503


def test_a_redis_that_refuses_info_causes_a_warning_and_does_not_stop_the_service(own: Server, tmp_path: Path) -> None:
    """A managed Redis may refuse INFO. Its policy is then unknown, but not wrong."""
    url = with_user(own, "+@all", "-info")
    with serving(url, tmp_path / "log") as service:
        found = checks(service)
        lines = service.lines()
    assert not found["redis_known"]
    assert any(line["event"] == "redis_finding" and line["level"] == "warning" for line in lines)


@pytest.fixture(scope="session")
def faketime() -> Path:
    """Returns the library that gives a process another time."""
    try:
        return library("libfaketime.so.1", package="libfaketime")
    except Absent as reason:
        pytest.skip(str(reason))


def test_a_message_that_is_too_old_only_by_the_clock_of_redis_is_refused_and_not_dropped(
    own: Server, faketime: Path, tmp_path: Path
) -> None:
    """The clock of Redis is five days and an hour ahead of the service's clock. A wrong clock must not drop a
    message."""
    behind = timedelta(days=5, hours=1)
    wrong = {"LD_PRELOAD": str(faketime), "FAKETIME": f"-{behind // timedelta(seconds=1)}s"}
    sent = int((time.time() - behind.total_seconds()) * 1000)
    delivery = one_message(PAGE, CUSTOMER, "hello", MessageId("m_wrong"), sent)
    with (
        serving_program(own.url, tmp_path / "log", FAKETIME_DONT_FAKE_MONOTONIC="1", **wrong) as service,
        Shop(service.url) as shop,
        Facebook(service.url) as facebook,
    ):
        shop.connect()
        assert facebook.deliver(delivery).status_code == 503
        assert not checks(service)["redis_clock"]
    with serving(own.url, tmp_path / "log2") as service, Facebook(service.url) as facebook:
        assert facebook.deliver(delivery).status_code == 200, "by both clocks it is too old now"


def test_a_store_without_any_page_answers_deliveries_503(own: Server, tmp_path: Path) -> None:
    """A store without Pages may be the wrong database or a new server. Facebook delivers again. The test delivery of
    Facebook's dashboard is answered 200."""
    dashboard = (
        b'{"object":"page","entry":[{"id":"0","time":1770000000,"changes":[{"field":"messages","value":'
        b'{"sender":{"id":"12334"},"recipient":{"id":"23245"},"timestamp":"1527459824",'
        b'"message":{"mid":"test_message_id","text":"test_message"}}}]}]}'
    )
    with serving(own.url, tmp_path / "log") as service, Shop(service.url) as shop, Facebook(service.url) as facebook:
        refused = facebook.text("m_early")
        assert refused.status_code == 503
        assert facebook.deliver(dashboard).status_code == 200
        shop.connect()
        assert facebook.text("m_early").status_code == 200
        assert facebook.text("m_other", page="104200000000999").status_code == 200, "another Page is only unknown"
        assert shop.ids() == ["m_early"]
