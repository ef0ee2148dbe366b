"""Tests compose.yaml: its schema, restrictions and settings, and a real Valkey with its arguments."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
import redis
import yaml
from redis.exceptions import NoPermissionError

from app import server
from cache.embedded.valkey import PERSISTENT, SETTINGS, WIPING
from ops import settings
from ops.settings import read_settings
from tests.callers import Facebook, Shop
from tests.house.sources import ROOT, pyproject
from tests.image.running import compose, restrictions, server_arguments
from tests.k8s.configuration import OF_A_POD
from tests.servers import free_ports, running
from tests.service import APP_SECRET, SEAL_KEY, TOKEN_KEY, VERIFY_TOKEN, serving

SERVICES: Final[dict[str, Any]] = compose()["services"]
INBOX: Final[dict[str, Any]] = SERVICES["page-inbox"]
USERS: Final = [one["source"] for one in SERVICES["valkey"]["secrets"]]
MOUNTED: Final = "/run/secrets/"
NAMES: Final = {setting.name: setting for setting in settings.SETTINGS}


def valkey_settings() -> dict[str, str]:
    """Returns Valkey's options in compose.yaml by name."""
    words = server_arguments()  # the last value of a name counts
    return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}


def test_the_compose_file_is_valid_against_its_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_restricted(name: str) -> None:
    """Each service runs read-only, without capabilities, as a numeric user, with limits and a bounded log."""
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert 0 not in map(int, service["user"].split(":"))
    assert {"mem_limit", "pids_limit", "logging", "restart"} <= set(service)
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_the_log_of_every_service_is_bounded(name: str) -> None:
    """The size and the number of the log files are limited."""
    options = SERVICES[name]["logging"]["options"]
    assert set(options) == {"max-size", "max-file"}
    assert int(options["max-file"]) > 0


def test_make_image_uses_the_restrictions_of_compose() -> None:
    """podman gets the same restrictions."""
    options = restrictions()
    assert {"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=10001:10001"} <= set(options)
    assert {"--memory=256m", "--pids-limit=100", "--tmpfs=/tmp:rw,size=16m"} <= set(options)


def test_ports_are_open_on_this_machine_only() -> None:
    """The proxy with the certificate forwards to the public port. Valkey publishes no port."""
    assert {name: service.get("ports", []) for name, service in SERVICES.items()} == {
        "page-inbox": ["127.0.0.1:8000:8000", "127.0.0.1:9000:9000"],
        "valkey": [],
        "rewrite": [],
    }
    assert {name for name, service in SERVICES.items() if "default" in service["networks"]} == {"page-inbox"}
    assert compose()["networks"]["cache"] == {"internal": True}


def test_every_variable_is_a_setting_and_every_secret_a_file() -> None:
    """Each secret is declared, mounted and named by one setting."""
    files = {}
    for name, value in INBOX["environment"].items():
        setting = NAMES[name.removesuffix("_FILE")]
        if name.endswith("_FILE"):
            assert setting.secret
            files[setting.name.lower()] = value
        else:
            assert not setting.secret, f"{name} is a secret, but not in a file"
    assert files == {name: f"{MOUNTED}{name}" for name in INBOX["secrets"]}
    every = {*INBOX["secrets"], *USERS, *SERVICES["rewrite"]["secrets"]}
    assert compose()["secrets"] == {name: {"file": f"./secrets/{name}"} for name in every}


def test_the_compose_file_sets_all_settings_that_serve_requires() -> None:
    """compose.yaml sets all required settings. An empty variable counts as not set."""
    environ = {name: "" if str(value).startswith("${") else value for name, value in INBOX["environment"].items()}
    contents = Counter[str]()

    def mounted(path: str) -> str:
        contents[path] += 1
        held = {"seal_keys": "A" * 43 + "=", "redis_url": "redis://page-inbox:word@valkey:6379/0"}
        return held.get(path.removeprefix(MOUNTED), f"the text of {path} and some more words")

    found = read_settings(environ, command="serve", read_file=mounted)
    assert (found.port, found.ops_port, found.public_url) == (8000, 9000, None)
    assert set(contents) == {f"{MOUNTED}{name}" for name in INBOX["secrets"]}


def test_the_grace_period_is_long_enough() -> None:
    """It covers requests in progress and background tasks. Valkey stops after the service."""
    grace = float(INBOX["stop_grace_period"].removesuffix("s"))
    assert grace > server.GRACE_SECONDS + server.CLOSE_SECONDS
    assert INBOX["depends_on"]["valkey"] == {"condition": "service_healthy"}


def test_the_image_has_our_version() -> None:
    """The version is that of pyproject.toml."""
    assert INBOX["image"] == f"page-inbox:{pyproject()['project']['version']}"


def test_the_health_check_is_a_valid_python_program() -> None:
    """The program requests `/readyz` at the operators' port."""
    kind, program, option, source = INBOX["healthcheck"]["test"]
    assert (kind, program, option) == ("CMD", "python3", "-c")
    compile(source, "healthcheck", "exec")
    assert f"127.0.0.1:{NAMES['OPS_PORT'].default}/readyz" in source


def test_valkey_has_the_same_options_as_the_embedded_server() -> None:
    """This covers all options for expiry and persistence."""
    assert valkey_settings() == dict((*SETTINGS, *PERSISTENT, *OF_A_POD)) | {"maxmemory": "512mb"}
    assert "valkey:/data" in SERVICES["valkey"]["volumes"]


def test_valkey_overwrites_freed_memory() -> None:
    """The options are those of the embedded server. The image has another allocator than the wheel."""
    variables = SERVICES["valkey"]["environment"]
    assert variables.items() == {name: WIPING[name] for name in ("JE_MALLOC_CONF", "MALLOC_CONF")}.items()
    single = yaml.safe_load_all((ROOT / "k8s" / "overlays" / "single" / "valkey.yaml").read_text(encoding="utf-8"))
    (pod,) = (one["spec"]["template"]["spec"] for one in single if one["kind"] == "StatefulSet")
    assert {one["name"]: one["value"] for one in pod["containers"][0]["env"]} == variables


def test_the_append_only_file_is_rewritten_daily() -> None:
    """The third service rewrites the file, so that expired messages are removed from the disk."""
    program = SERVICES["rewrite"]["command"][2]
    assert "--user rewrite --no-auth-warning BGREWRITEAOF; do sleep 86400; done" in program
    assert set(re.findall(r"/run/secrets/(\w+)", program)) == set(SERVICES["rewrite"]["secrets"])


def test_the_commands_at_the_top_of_the_file_make_every_secret_and_the_users_of_valkey(tmp_path: Path) -> None:
    """The test runs the commands as they are written. Each user may run its own commands only."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    lines = "\n".join(line[6:] for line in text.splitlines() if line.startswith("#     "))
    script = re.sub(r" +\((?:from|users)[^)]*\)", "", lines).partition("echo vm.")[0]
    (tmp_path / "k8s").symlink_to(ROOT / "k8s")
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], cwd=tmp_path, input=b"an-app-secret", capture_output=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_text().strip() for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == compose()["secrets"].keys()
    (port,) = free_ports(1)
    extra = [*server_arguments(), "--port", str(port), "--bind", "127.0.0.1"]
    with running("users", tmp_path / "valkey", extra=[*extra, "--aclfile", str(tmp_path / "secrets/valkey_users")]):
        with redis.Redis.from_url(made["redis_url"].replace("valkey:6379", f"127.0.0.1:{port}")) as service:
            assert service.set("key", "value")
            with pytest.raises(NoPermissionError):
                service.flushall()
        rewrite = redis.Redis(port=port, username="rewrite", password=made["rewrite_password"])
        with rewrite, pytest.raises(NoPermissionError):
            rewrite.get("key")
        with redis.Redis(port=port) as stranger:
            assert stranger.ping()
            with pytest.raises(NoPermissionError):
                stranger.get("key")


def test_a_message_is_still_stored_after_a_restart_of_valkey(tmp_path: Path) -> None:
    """A message is stored and read, and read again after a restart, with the arguments of compose.yaml."""
    (port,) = free_ports(1)
    secrets = {
        "FACEBOOK_APP_SECRET": APP_SECRET,
        "FACEBOOK_VERIFY_TOKEN": VERIFY_TOKEN,
        "TOKEN_KEYS": TOKEN_KEY,
        "SEAL_KEYS": SEAL_KEY,
    }
    for name, secret in secrets.items():
        (tmp_path / name).write_text(f"{secret.reveal()}\n")
    told = {f"{name}_FILE": str(tmp_path / name) for name in secrets} | dict.fromkeys(secrets, "")
    extra = [*server_arguments(), "--port", str(port), "--bind", "127.0.0.1"]
    url = f"redis://127.0.0.1:{port}/0"
    with running("compose", tmp_path / "valkey", persistent=True, extra=extra):
        with redis.Redis.from_url(url, decode_responses=True) as client:
            live = client.config_get(*(name for name in valkey_settings() if name != "maxmemory"))
            assert live == {name: value for name, value in valkey_settings().items() if name in live} | {
                "auto-aof-rewrite-min-size": str(1024 * 1024)
            }
        with (
            serving(url, tmp_path / "log", **told) as service,
            Facebook(service.url) as facebook,
            Shop(service.url) as shop,
        ):
            shop.connect()
            assert facebook.text("m_compose").status_code == 200
            assert shop.ids() == ["m_compose"]
    with (
        running("compose", tmp_path / "valkey", persistent=True, extra=extra),
        serving(url, tmp_path / "log2", **told) as service,
        Shop(service.url) as shop,
    ):
        assert shop.ids() == ["m_compose"]
