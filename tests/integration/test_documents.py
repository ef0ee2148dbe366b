"""The test types the commands of the documents for newcomers: from an empty folder to a connected Page with readable
messages.

Facebook is simulated and the ports are free ones. Every other word is from the document.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
from click.testing import CliRunner

from app.cli import main
from cache.embedded.valkey import find_server
from cache.errors import EmbeddedRefused
from domain.ids import PageId
from ops.settings import read_settings
from tests.debian import Absent
from tests.documents import ROOT, commands
from tests.facebook import running_facebook
from tests.k8s.configuration import environment
from tests.k8s.pods import service_pods
from tests.k8s.references import SECRETS_BY_HAND
from tests.k8s.renderer import render
from tests.servers import free_ports
from tests.service import APP_SECRET

PAGE: Final = PageId("104200000000001")
SECONDS: Final = 240
"""The usual time is a tenth of this."""

pytestmark = pytest.mark.timeout(2 * SECONDS)

Typed = Callable[..., str]


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a path short enough for a socket's path. Programs that still run in it
    are ended afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="pi-") as name:
        yield Path(name)
        for file in Path(name).rglob("*.pid"):
            with suppress(ValueError, ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)


@pytest.fixture
def typed(folder: Path) -> Typed:
    """Run a script in a shell in the folder and return its output. Programs in the folder's `bin` come first."""
    programs = folder / "bin"
    programs.mkdir()
    if missing := [name for name in ("openssl", "curl", "sed") if shutil.which(name) is None]:
        pytest.skip(f"this machine has no {', '.join(missing)}")

    def run(script: str, **environ: str) -> str:
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        with (folder / "said").open("w+b") as said:
            shell = subprocess.Popen(  # noqa: S603 - the documents' own words
                ["/bin/sh", "-eu", "-c", script],
                cwd=folder,
                env={"PATH": path, "HOME": str(folder), **environ},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = shell.wait(SECONDS)
            except subprocess.TimeoutExpired:
                code = -1
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
            said.seek(0)
            told = said.read().decode()
        log = folder / "inbox.log"
        assert code == 0, told + (log.read_text() if log.exists() else "")
        return told

    return run


def test_the_documented_commands_work_for_one_machine_its_backup_and_its_moves(folder: Path, typed: Typed) -> None:
    """The doctor finds no fault. Deliveries are accepted, read and deleted, posts come from Facebook, and every program
    ends. After a backup, a loss of everything, and a move, the shop has its Page, and messages that were moved.
    """
    try:
        (folder / "bin" / "valkey-server").symlink_to(find_server())
    except EmbeddedRefused as error:
        pytest.skip(str(error))
    port, ops_port = free_ports(2)
    first, *used, end = commands("docs/operate.md", "### Without Docker")
    backup, lost, moved = (
        "".join(commands("docs/backup.md", heading))
        for heading in (
            "## A backup each hour, and a journal of purges",
            "## Redis is lost",
            "## Moving to another Redis, or to a cluster",
        )
    )
    send = f'page-inbox simulate --url "http://127.0.0.1:{port}/webhook" --page {PAGE} --count 5\n'
    parts = [first, "cp facebook/* secrets/\n", *used, backup, send, lost, send, moved, end]
    script = "".join([*parts, 'kill "$(cat new/valkey.pid)"\n'])
    script = script.replace("PORT=8000 OPS_PORT=9000", f"PORT={port} OPS_PORT={ops_port}")
    assert f"OPS_PORT={ops_port}" in script
    (folder / "facebook").mkdir()
    (folder / "facebook" / "FACEBOOK_APP_SECRET").write_text(APP_SECRET.reveal())
    with running_facebook() as graph:
        page = graph.world.add_page(PAGE)
        graph.world.add_post(page, "ទំនិញថ្មី")
        (folder / "facebook" / "page-token").write_text(page.token.reveal())
        said = typed(script, GRAPH_URL=graph.url)
        assert len(page.subscriptions) == 1
    assert f"{PAGE} is connected to sokha" in said
    assert re.search(r"deliveries +40 of 40", said)
    read, posts = (
        json.JSONDecoder().raw_decode(said, said.index(f'{{"{name}":['))[0] for name in ("messages", "items")
    )
    assert (len(read["messages"]), len(posts["items"])) == (5, 1)
    assert re.search(r"Purge \w+: \d+ messages deleted", said)
    assert "holds 1 Page and no message" in said
    assert "1 Page restored" in said
    assert said.count("sokha has 1 Page") == 3
    assert len(re.findall(r"deliveries +5 of 5", said)) == 2
    assert "All are equal" in said
    assert not [word for word in (APP_SECRET.reveal(), page.token.reveal()) if word in said]


KUBECTL: Final = """#!/bin/sh
for word in "$@"; do
  case "$word" in --from-file=*) test -s "${word#--from-file=}" || exit 1 ;; esac
done
printf '%s\\n' "$*" >> kubectl.said
"""
"""Replaces kubectl: it records its arguments and, like kubectl, refuses a missing file."""


def test_the_documented_commands_make_the_secrets_for_kubernetes(folder: Path, typed: Typed) -> None:
    """Each mounted Secret has what the pods read from it, and the service would start with these values."""
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    (folder / "bin" / "kubectl").write_text(KUBECTL)
    (folder / "bin" / "kubectl").chmod(0o755)
    (folder / "FACEBOOK_APP_SECRET").write_text(APP_SECRET.reveal())
    (folder / "page-token").write_text("a-token")
    settings = folder / "k8s/overlays/single/settings.env"
    settings.write_text(settings.read_text().replace("FACEBOOK_APP_ID=", "FACEBOOK_APP_ID=200000000000001"))
    typed("".join(commands("k8s/README.md", "## Install")))
    told = [line.split() for line in (folder / "kubectl.said").read_text().splitlines()]

    made = {
        words[words.index("generic") + 1]: {word.removeprefix("--from-file=") for word in words if "-file=" in word}
        for words in told
        if "generic" in words
    }
    assert made == {name: keys for name, keys in SECRETS_BY_HAND.items() if name in made}
    assert {"page-inbox-secrets", "page-inbox-valkey"} <= set(made)
    (applied,) = [words[-1] for words in told if words[:2] == ["apply", "-k"]]
    for words in told:
        if "--" in words:
            program, *command = words[words.index("--") + 1 :]
            asked = CliRunner().invoke(main, [*command, "--help"], prog_name=program)
            assert (program, asked.exit_code) == ("page-inbox", 0), asked.output
            assert all(word in asked.output for word in command if word.startswith("--"))

    users = (folder / "users.acl").read_text()
    assert "PASSWORD" not in users
    assert (folder / "REDIS_URL").read_text().split(":")[2].partition("@")[0] in users
    try:
        (pod,) = service_pods(render(folder / applied))
    except Absent as absent:
        pytest.skip(str(absent))
    found = read_settings(
        environment(render(folder / applied), pod),
        command="serve",
        read_file=lambda path: (folder / PurePosixPath(path).name).read_text(),
    )
    assert (found.app_id, len(found.seal_keys)) == ("200000000000001", 1)
