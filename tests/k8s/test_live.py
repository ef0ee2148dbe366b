"""The rendered configuration in use: a real Valkey gets its file and users, a real service its settings and probes. The
store is running or stopped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import httpx2
import pytest
import redis
from redis.exceptions import NoPermissionError

from cache.embedded.valkey import PERSISTENT, find_server
from cache.embedded.valkey import SETTINGS as STORE_SETTINGS
from tests.k8s.configuration import OF_A_POD, SECRETS, environment, store_configuration
from tests.k8s.manifests import Manifests
from tests.k8s.pods import service_pods
from tests.k8s.renderer import ROOT
from tests.servers import free_ports
from tests.service import Service, serving, started
from tests.support import NO_TLS, wait_until_blocking

PASSWORDS = {"page-inbox": "a-password", "rewrite": "another-password", "test": "a-third"}


@pytest.fixture
def single(rendered: Callable[[str], Manifests]) -> Manifests:
    """Returns the overlay that has a Valkey."""
    return rendered("single")


@contextmanager
def valkey(manifests: Manifests, home: Path) -> Iterator[int]:
    """Yields the port of a Valkey with the rendered file and the users of the example. Only its paths and its address
    are those of the test."""
    [configuration] = [one["data"]["valkey.conf"] for one in manifests.of("ConfigMap") if "valkey.conf" in one["data"]]
    file, users, [port] = home / "valkey.conf", home / "users.acl", free_ports(1)
    file.write_text(configuration, encoding="utf-8")
    example = (ROOT / "k8s/overlays/single/users.acl.example").read_text(encoding="utf-8")
    filled = example.replace("REWRITE_PASSWORD", PASSWORDS["rewrite"]).replace("PASSWORD", PASSWORDS["page-inbox"])
    users.write_text(f"{filled}user test on >{PASSWORDS['test']} +@all\n", encoding="utf-8")
    ours = ("--dir", str(home), "--aclfile", str(users), "--bind", "127.0.0.1", "--port", str(port))
    with started([str(find_server()), str(file), *ours], home / "valkey.log", {}):
        wait_until_blocking(lambda: _answers(port))
        yield port


def _answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_valkey_accepts_its_configuration_file(single: Manifests, tmp_path: Path) -> None:
    """With this file Valkey has the settings of the embedded Valkey."""
    told = store_configuration(single)
    expected = {**dict(STORE_SETTINGS), **dict(PERSISTENT), **dict(OF_A_POD)}
    with valkey(single, tmp_path) as port, _client(port, "page-inbox") as client:
        found = client.config_get(*expected, "maxmemory")
    assert found["auto-aof-rewrite-min-size"] == str(2**20)
    assert int(found["maxmemory"]) == 768 * 2**20
    assert told["maxmemory"] == "768mb"
    del expected["auto-aof-rewrite-min-size"], expected["dynamic-hz"]  # 9.1 accepts dynamic-hz and does not report it
    assert {name: found[name] for name in expected} == expected


def test_each_user_of_valkey_has_only_its_own_rights(single: Manifests, tmp_path: Path) -> None:
    """The user of the probes may use PING, the user of the job may rewrite, and the user of the service has all its
    commands. A wrong password has no rights."""
    with valkey(single, tmp_path) as port:
        with redis.Redis(port=port) as probe:
            assert probe.ping()
            with pytest.raises(NoPermissionError):
                probe.get("key")
        with _client(port, "rewrite") as job:
            assert job.bgrewriteaof()
            with pytest.raises(NoPermissionError):
                job.get("key")
        with _client(port, "page-inbox") as service:
            assert service.set("key", "value")
        stranger = redis.Redis(port=port, username="page-inbox", password="wrong")
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def _client(port: int, user: str) -> redis.Redis:
    return redis.Redis(port=port, username=user, password=PASSWORDS[user], decode_responses=True)


def test_the_probes_distinguish_a_lost_store_from_a_dead_service(single: Manifests, tmp_path: Path) -> None:
    """Without Valkey the service is alive but not ready. It has the rendered settings and files with secrets."""
    [pod] = service_pods(single)
    [container] = pod.containers
    paths = {probe: container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
    with valkey(single, tmp_path) as port:
        files = {**SECRETS, "REDIS_URL": f"redis://page-inbox:{PASSWORDS['page-inbox']}@127.0.0.1:{port}/0"}
        told = {**environment(single, pod), "HOST": "127.0.0.1", "PORT": "0", "OPS_PORT": "0"}
        for name, path in told.items():
            if name.endswith("_FILE"):
                own = tmp_path / PurePosixPath(path).name
                own.write_text(files[own.name], encoding="utf-8")
                told[name] = str(own)
        for name in files:
            told[name] = ""  # other tests set this in variables
        with serving("", tmp_path / "log", **told) as service:
            assert {probe: asked(service, path) for probe, path in paths.items()} == dict.fromkeys(paths, 200)
            with _client(port, "test") as client:
                client.shutdown(nosave=True)
            wait_until_blocking(lambda: asked(service, paths["readinessProbe"]) == 503)
            assert asked(service, paths["livenessProbe"]) == 200
            assert service.terminate() == 0


def asked(service: Service, path: str) -> int:
    """Returns the answer to a probe."""
    return httpx2.get(f"{service.ops_url}{path}", trust_env=False, verify=NO_TLS, timeout=3).status_code
