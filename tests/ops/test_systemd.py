"""The units of systemd/: systemd accepts them, and their programs run with their settings."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

import pytest
import redis

from app.server import CLOSE_SECONDS, GRACE_SECONDS, LEAST_OPEN_FILES
from cache.embedded.valkey import WIPING, find_server
from ops.settings import SETTINGS
from tests.house.sources import ROOT
from tests.k8s.configuration import SECRETS
from tests.servers import free_ports
from tests.service import environment, page_inbox, started
from tests.support import wait_until_blocking

FOLDER: Final = ROOT / "systemd"
MARGIN: Final = 10
"""Seconds in which connections are closed, before systemd kills."""


def values(unit: str, name: str) -> list[str]:
    """Returns each value that a unit has under a name."""
    text = (FOLDER / unit).read_text(encoding="utf-8").replace("\\\n", "")
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def variables(unit: str) -> dict[str, str]:
    """Returns the variables of a unit."""
    return dict(word.split("=", 1) for line in values(unit, "Environment") for word in shlex.split(line))


def settings() -> dict[str, str]:
    """Returns the lines of settings.env."""
    lines = (FOLDER / "settings.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze")
def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    """The test replaces the programs of the units by programs of this machine."""
    for unit in (*FOLDER.glob("*.service"), *FOLDER.glob("*.timer")):
        text = unit.read_text(encoding="utf-8")
        text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", text, flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir())
    command = [str(shutil.which("systemd-analyze")), "verify", "--man=no", *units]
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if str(tmp_path) in line or "page-inbox" in line]
    assert said == []


def test_the_unit_has_a_file_for_every_secret_and_a_sufficient_stop_timeout() -> None:
    """Settings that are not secret are in settings.env."""
    known = {setting.name: setting for setting in SETTINGS}
    files = {name.removesuffix("_FILE") for name in variables("page-inbox.service")}
    assert files == {name for name, setting in known.items() if setting.secret and name in SECRETS}
    assert set(settings()) <= set(known)
    drain = int(settings()["DRAIN_SECONDS"])
    (seconds,) = values("page-inbox.service", "TimeoutStopSec")
    assert int(seconds) == drain + GRACE_SECONDS + int(CLOSE_SECONDS) + MARGIN
    assert all(int(files) >= LEAST_OPEN_FILES for files in values("page-inbox.service", "LimitNOFILE"))


def test_the_memory_that_valkey_frees_is_overwritten() -> None:
    """The units overwrite freed memory as the container does."""
    assert variables("page-inbox-valkey.service") == {name: WIPING[name] for name in ("JE_MALLOC_CONF", "MALLOC_CONF")}


@pytest.mark.timeout(120)
def test_the_programs_of_the_units_run_together_reload_and_end(tmp_path: Path) -> None:
    """Valkey runs with its file, users and folder. The service runs with its files, SIGHUP and SIGTERM."""
    users = (ROOT / "k8s/overlays/single/users.acl.example").read_text(encoding="utf-8")
    (tmp_path / "users.acl").write_text(users.replace("REWRITE_PASSWORD", "rewrite").replace("PASSWORD", "a-password"))
    (port,) = free_ports(1)
    places = {
        "/usr/bin/valkey-server": str(find_server()),
        "/opt/page-inbox": str(ROOT),
        "/var/lib/page-inbox-valkey": str(tmp_path),
        "/etc/page-inbox/valkey-users.acl": str(tmp_path / "users.acl"),
        "6379": str(port),
    }
    (command,) = values("page-inbox-valkey.service", "ExecStart")
    for place, ours in places.items():
        command = command.replace(place, ours)
    told = {**os.environ, **variables("page-inbox-valkey.service")}
    with started(shlex.split(command), tmp_path / "valkey.log", told):
        wait_until_blocking(lambda: _answers(port), within=30)
        held = {**SECRETS, "REDIS_URL": f"redis://page-inbox:a-password@127.0.0.1:{port}/0"}
        for name in held:
            (tmp_path / name).write_text(held[name], encoding="utf-8")
        files = {name: str(tmp_path / Path(path).name) for name, path in variables("page-inbox.service").items()}
        own = {**settings(), **files, "PORT": "0", "OPS_PORT": "0", "DRAIN_SECONDS": "0"}
        (start,) = values("page-inbox.service", "ExecStart")
        log = tmp_path / "log"
        environ = environment(None, **{**dict.fromkeys(held, ""), **own})
        with started(page_inbox(*shlex.split(start)[1:]), log, environ) as process:
            wait_until_blocking(lambda: '"event":"opened"' in log.read_text(), within=40)
            (reload,) = values("page-inbox.service", "ExecReload")
            number = signal.Signals[f"SIG{shlex.split(reload)[1].removeprefix('-')}"]
            process.send_signal(number)
            wait_until_blocking(lambda: '"event":"settings_read_again"' in log.read_text(), within=40)
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
    assert (tmp_path / "appendonlydir").is_dir()


def _answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False
