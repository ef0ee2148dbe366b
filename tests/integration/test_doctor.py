"""`page-inbox doctor` as an operator calls it, with real servers, correct and faulty, and a simulated Facebook."""

import base64
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis

from domain.secret import Secret
from simulator.graph_faults import Fails, Stalls
from simulator.graph_gate import Barrier
from tests.facebook import GraphShop, graph_settings, new_page, serving_graph
from tests.graph import FakeGraph
from tests.servers import Server, free_ports, running_sentinel
from tests.service import APP_SECRET, TOKEN_KEY, VERIFY_TOKEN, Service, environment, run_command
from tests.support import wait_until_blocking

PATIENCE = 50.0
"""Seconds for one run of the doctor, even if servers hang. Its own limits for a few Pages are far lower in sum."""

SECRETS = [secret.reveal() for secret in (APP_SECRET, VERIFY_TOKEN, TOKEN_KEY)]


def doctor(redis_url: str | None, *arguments: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """Returns the exit code and the JSON document. Checks that the output has no secret and standard error is empty."""
    code, said = spoken(redis_url, "--json", *arguments, **settings)
    return code, json.loads(said)


def spoken(redis_url: str | None, *arguments: str, **settings: str) -> tuple[int, str]:
    """Returns the exit code and the text."""
    environ = environment(redis_url, **settings)
    done = run_command(["doctor", *arguments], environ, within=PATIENCE)
    assert done.stderr == ""
    hidden = [*SECRETS, *(environ[name] for name in ("SEAL_KEYS", "TOKEN_KEYS") if name in environ)]
    assert not [secret for secret in hidden if secret in done.stdout]
    return done.returncode, done.stdout


def levels(document: dict[str, Any], name: str = "") -> dict[str, str]:
    """Returns the levels of the findings whose name begins with this text, by name and subject."""
    return {
        " ".join(filter(None, (finding["name"], finding["about"]))): finding["level"]
        for finding in document["findings"]
        if finding["name"].startswith(name)
    }


def sentences(document: dict[str, Any], name: str) -> str:
    """Returns all sentences under a name."""
    return " ".join(one["sentence"] + one["remedy"] for one in document["findings"] if one["name"] == name)


@pytest.fixture
def drawn() -> dict[str, str]:
    """Correct secrets, made at random. The doctor has nothing to report about them."""
    return {
        "FACEBOOK_VERIFY_TOKEN": secrets.token_hex(16),
        "TOKEN_KEYS": secrets.token_hex(32),
        "SEAL_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def test_the_doctor_finds_no_fault_in_a_healthy_service(
    own_server: Callable[..., AbstractContextManager[Server]], graph: FakeGraph, tmp_path: Path
) -> None:
    """The exit code is 0. The only warnings are about things that a test machine cannot have, and with --strict they
    cause a failure.
    """
    with (
        own_server(persistent=True) as server,
        serving_graph(server.url, tmp_path / "log", graph) as service,
        GraphShop(service.url) as shop,
    ):
        page = new_page(graph.world)
        shop.bring(page)
        settings = {**graph_settings(graph), "PUBLIC_URL": service.url}
        code, document = doctor(server.url, **settings)
        assert (code, document["level"]) == (0, "warn")
        told = levels(document)
        # On a busy machine the server itself may look slow.
        assert {name for name, level in told.items() if level != "ok"} - {"redis"} == {
            *(f"keys {name}" for name in ("FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "TOKEN_KEYS")),
            "settings GRAPH_URL",
            "public_url",
        }
        assert told[f"page {page.id}"] == "ok"
        assert told["public_url.handshake"] == "ok"
        assert doctor(server.url, "--strict", **settings)[0] == 1
        code, said = spoken(server.url, **settings)
        assert code == 0
        assert f"page ({page.id}): Connected to shop-1; token alive" in said
        assert "0 failed." in said
        before = registry(server)
        doctor(server.url, **settings)
        assert before == registry(server), "changes nothing"


def registry(server: Server) -> dict[Any, dict[Any, Any]]:
    """Returns all shops and Pages without the heads of audit logs, because the service still writes down reads of
    earlier tests.
    """
    found: dict[Any, dict[Any, Any]] = {}
    for client in server.clients():
        for key in (*client.keys("shop:*"), *client.keys("page:*")):
            fields = {name: value for name, value in client.hgetall(key).items() if name != b"audit"}
            found |= {key: fields} if fields else {}
    return found


def test_the_doctor_reports_the_faults_of_each_page(
    graph: FakeGraph, graph_service: Service, graph_store: Server
) -> None:
    """The doctor reports a dead token, a lost subscription, a missing permission and a token that no key decrypts. A
    connection for webhooks alone is no problem.
    """
    with GraphShop(graph_service.url) as shop:
        well, dead, lost, lacking = (new_page(graph.world) for _ in range(4))
        for page in (well, dead, lost, lacking):
            shop.bring(page)
        shop.client.put("/pages/104200000000077", json={}).raise_for_status()
        graph.world.revoke(dead.token)
        graph.world.unsubscribe(lost.id)
        known = graph.world.tokens[lacking.token.reveal()]
        known.scopes = tuple(scope for scope in known.scopes if scope != "pages_read_user_content")
        code, document = doctor(graph_store.url, **graph_settings(graph))
        assert code == 1
        assert levels(document, "page") == {
            f"page {well.id}": "ok",
            f"page {dead.id}": "fail",
            f"page {lost.id}": "fail",
            f"page {lacking.id}": "warn",
            "page 104200000000077": "ok",
        }
        other = base64.b64encode(secrets.token_bytes(32)).decode()
        _, document = doctor(graph_store.url, **{**graph_settings(graph), "SEAL_KEYS": other})
        assert "SEAL_KEYS" in sentences(document, "page")


def test_with_a_wrong_app_secret_the_doctor_does_not_fail_the_pages(
    graph: FakeGraph, graph_service: Service, graph_store: Server
) -> None:
    """The doctor reports the stored state of each Page, because one wrong app secret must not make every Page look
    faulty.
    """
    with GraphShop(graph_service.url) as shop:
        page = new_page(graph.world)
        shop.bring(page)
        graph.seen.forget()
        wrong = secrets.token_hex(16)
        settings = {**graph_settings(graph), "FACEBOOK_APP_SECRET": wrong}
        code, document = doctor(graph_store.url, **settings)
        assert code == 1
        assert levels(document, "app") == {"app the first of FACEBOOK_APP_SECRET": "fail"}
        assert levels(document, "page") == {f"page {page.id}": "warn"}
        assert wrong not in json.dumps(document)
        both = {**settings, "FACEBOOK_APP_SECRET": f"{APP_SECRET.reveal()},{wrong}"}
        assert doctor(graph_store.url, **both)[0] == 0
        assert shop.get(f"/pages/{page.id}")["status"] == "connected"


def test_the_doctor_reports_that_facebook_hangs_or_fails(graph: FakeGraph, graph_store: Server) -> None:
    """The doctor reports the fault of Facebook within its time limit, and still reports everything else."""
    graph.faults.script(None, Stalls(Barrier()), times=None)
    code, document = doctor(graph_store.url, **graph_settings(graph))
    assert (code, "in time" in sentences(document, "app")) == (1, True)
    assert levels(document)["redis.policy"] == "ok"
    graph.faults.clear()
    graph.faults.script(None, Fails(4), times=None)
    _, document = doctor(graph_store.url, **graph_settings(graph))
    assert levels(document, "app") == {"app the first of FACEBOOK_APP_SECRET": "warn"}


@pytest.mark.parametrize(
    ("extra", "ill"),
    [
        (("--maxmemory-policy", "allkeys-lru"), {"redis.policy": "fail"}),
        (("--appendonly", "no"), {"redis.persistence": "warn"}),
        (("--appendfsync", "no"), {"redis.persistence": "warn"}),
        (("--slowlog-log-slower-than", "10000"), {"redis.leftovers": "warn"}),
        (("--min-replicas-to-write", "1"), {"redis.replication": "fail"}),
        (("--rename-command", "CONFIG", ""), {"redis.leftovers": "warn"}),
    ],
)
def test_the_doctor_reports_the_fault_of_a_server(
    own_server: Callable[..., AbstractContextManager[Server]], extra: tuple[str, ...], ill: dict[str, str]
) -> None:
    """The doctor reports the fault of the server. It may also report that a busy machine is slow, and reports nothing
    else about the store."""
    with own_server(persistent=True, extra=extra) as server:
        code, document = doctor(server.url)
    found = {name: level for name, level in levels(document, "redis").items() if level != "ok"}
    assert found | {"redis": "warn"} == ill | {"redis": "warn"}
    assert code == ("fail" in ill.values())


@pytest.mark.parametrize(("name", "version"), [("redis7", "Redis 7.0"), ("redis82", "Redis 8.2")])
def test_every_supported_server_is_known(flushed: Callable[[str], Server], name: str, version: str) -> None:
    """The doctor names the kind and the version of the server."""
    _, document = doctor(flushed(name).url)
    assert (levels(document)["redis.version"], version in sentences(document, "redis.version")) == ("ok", True)


def test_the_doctor_checks_every_primary_of_a_cluster(flushed: Callable[[str], Server]) -> None:
    """The doctor reports a fault with the address of the primary."""
    server = flushed("cluster")
    ill = next(server.clients())
    ill.config_set("maxmemory-policy", "allkeys-random")
    try:
        code, document = doctor(server.url)
    finally:
        ill.config_set("maxmemory-policy", "noeviction")
    told = levels(document, "redis.policy")
    assert (code, sorted(told.values())) == (1, ["fail", "ok", "ok"])
    assert {name.partition(" ")[2] for name in told} == set(server.url.partition("://")[2].split(","))
    assert list(levels(document, "redis.cluster").values()) == ["ok"] * 3


def test_the_doctor_checks_the_master_of_the_sentinels(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """The name in REDIS_URL chooses the master. The doctor reports a name that the Sentinels do not know."""
    redis_port, port = free_ports(2)
    with (
        own_server("tcp", persistent=True, extra=["--port", str(redis_port), "--bind", "127.0.0.1"]),
        running_sentinel(tmp_path, port, f"sentinel monitor inbox 127.0.0.1 {redis_port} 1\n"),
    ):
        wait_until_blocking(lambda: _listens(port))
        _, document = doctor(f"redis+sentinel://127.0.0.1:{port}/inbox/2")
        assert set(levels(document, "redis.").values()) == {"ok"}
        _, document = doctor(f"redis+sentinel://127.0.0.1:{port}/other/0")
        assert "the master's name" in sentences(document, "redis.unreachable")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_refused_password_is_not_reported_as_a_missing_server(
    own_server: Callable[..., AbstractContextManager[Server]], drawn: dict[str, str]
) -> None:
    """The password is not repeated. With the right password there is no finding. A user without CONFIG and scripts is
    reported.
    """
    (port,) = free_ports(1)
    right, wrong = "§:" + secrets.token_hex(16), secrets.token_hex(16)
    with own_server("tcp", extra=["--port", str(port), "--bind", "127.0.0.1"]) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("requirepass", right)
        for password in (f":{wrong}@", ""):
            _, document = doctor(f"redis://{password}127.0.0.1:{port}", **drawn)
            assert "user or password" in sentences(document, "redis.unreachable")
            assert wrong not in json.dumps(document)
        _, document = doctor(f"redis://:{quote(right, safe='')}@127.0.0.1:{port}", **drawn)
        assert levels(document)["redis.policy"] == "ok"
        with redis.Redis.from_url(f"redis://:{quote(right, safe='')}@127.0.0.1:{port}") as client:
            client.acl_setuser(
                "lowly", enabled=True, passwords=[f"+{right}"], keys="*", commands=["+@read", "+ping", "+time"]
            )
        _, document = doctor(f"redis://lowly:{quote(right, safe='')}@127.0.0.1:{port}", **drawn)
        assert levels(document, "redis.") == {"redis.clock": "ok", "redis.scripts": "fail", "redis.version": "warn"}


@contextmanager
def listening(*, answering: bool) -> Iterator[int]:
    """A port that accepts connections and never answers. Without `answering`, the port is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        if answering:
            yield port
            return
    yield port


@pytest.mark.parametrize("form", ["redis://{}", "redis+cluster://{}", "redis+sentinel://{}/inbox/0"])
@pytest.mark.parametrize("answering", [True, False], ids=["hangs", "gone"])
def test_the_doctor_reports_that_redis_hangs_or_is_missing(form: str, answering: bool) -> None:
    """The doctor reports the fault of Redis within its time limit, and still checks everything else."""
    with listening(answering=answering) as port:
        code, document = doctor(form.format(f"127.0.0.1:{port}"))
    assert code == 1
    assert levels(document, "redis") == {"redis.unreachable": "fail"}
    assert levels(document, "keys")


def test_the_doctor_reports_a_wrong_public_address(service: Service, valkey_url: str) -> None:
    """The address leads to the operators' port, to a closed port, or to a service with another verify token."""
    _, document = doctor(valkey_url, PUBLIC_URL=service.url, FACEBOOK_VERIFY_TOKEN=secrets.token_hex(16))
    assert "another FACEBOOK_VERIFY_TOKEN" in sentences(document, "public_url.handshake")
    _, document = doctor(valkey_url, PUBLIC_URL=service.ops_url)
    assert levels(document, "public_url.") == {"public_url.handshake": "fail", "public_url.ops": "fail"}
    with listening(answering=False) as port:
        _, document = doctor(valkey_url, PUBLIC_URL=f"http://127.0.0.1:{port}")
    assert "No connection" in sentences(document, "public_url.handshake")


def test_the_doctor_continues_after_invalid_settings(valkey_url: str) -> None:
    """The doctor reports all invalid settings, and checks everything that does not need these settings."""
    code, document = doctor(
        valkey_url, FACEBOOK_VERIFY_TOKEN="", TOKEN_KEYS="zq!", MESSAGE_TTL="432001", PORT="99999", SEAL_KEYS="zq?"
    )
    assert code == 1
    told = {name for name, level in levels(document, "settings").items() if level == "fail"}
    assert told == {
        f"settings {name}" for name in ("FACEBOOK_VERIFY_TOKEN", "TOKEN_KEYS", "MESSAGE_TTL", "PORT", "SEAL_KEYS")
    }
    assert levels(document)["redis.policy"] == "ok"


def test_without_settings_the_doctor_names_each_missing_setting() -> None:
    """The output contains no Python traceback."""
    secrets = ("FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "TOKEN_KEYS", "SEAL_KEYS")
    code, said = spoken(None, **dict.fromkeys(secrets, ""))
    assert code == 1
    for name in ("REDIS_URL", *secrets):
        assert f"fail  settings ({name})" in said
    assert os.linesep + "      -> " in said


def test_the_doctor_reports_a_seal_key_that_is_not_random(valkey_url: str, drawn: dict[str, str]) -> None:
    """A key of thirty-two equal bytes has the right length but is not random."""
    zeros = Secret(base64.b64encode(bytes(32)).decode())
    _, document = doctor(valkey_url, **{**drawn, "SEAL_KEYS": zeros.reveal()})
    assert levels(document, "keys")["keys SEAL_KEYS"] == "fail"
