"""Tests of the Dockerfile and .dockerignore that need no build. `make image` builds and runs the image."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from app import server
from tests.house.sources import ROOT, packages
from tests.image.faults import FAULTS, Fault
from tests.image.running import GRACE_SECONDS

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED: Final = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
REMARK: Final = "# hadolint ignore="


def instructions() -> list[str]:
    """Returns the instructions without comments, each as one line."""
    text = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_hadolint_finds_nothing() -> None:
    """hadolint accepts the whole Dockerfile."""
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("hadolint: its package has no program for this kind of machine")
    done = subprocess.run(
        [program, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_an_exception_from_a_rule_has_its_reason_above_it() -> None:
    """A comment with the reason is directly above each ignored rule."""
    lines = DOCKERFILE.splitlines()
    above = [lines[place - 1] for place, line in enumerate(lines) if line.startswith(REMARK)]
    assert above
    assert [line for line in above if not line.startswith("# ") or line.startswith(REMARK)] == []


def test_one_build_argument_sets_the_base_image_of_both_stages() -> None:
    """One argument before the first stage sets the base of both stages, so a digest is written once."""
    ours = instructions()
    assert ours[0] == "ARG PYTHON_IMAGE=python:3.13-slim"
    assert [line for line in ours if line.startswith("FROM")] == [
        "FROM ${PYTHON_IMAGE} AS build",
        "FROM ${PYTHON_IMAGE}",
    ]


def test_every_library_is_installed_as_a_wheel_with_its_hash() -> None:
    """Only our own wheel, which this build made, is installed without a hash and without an index."""
    installs = re.findall(r"pip --python \S+ install(.*?)(?:&&|$)", "\n".join(instructions()), re.MULTILINE)
    assert len(installs) == 3
    locked = [line for line in installs if "--require-hashes" in line and "--only-binary :all:" in line]
    assert [line for line in installs if line not in locked] == [line for line in installs if "--no-index" in line]
    assert len(locked) == 2


def test_only_the_packages_are_sent_to_the_builder() -> None:
    """`.dockerignore` excludes all files first, so a new package must be added. The simulator is not added."""
    rules = [line for line in IGNORED if line and not line.startswith("#")]
    assert rules[0] == "*"
    shown = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    files = {"README.md", "pyproject.toml", "requirements/build.txt", "requirements/runtime.txt"}
    assert shown == ({*packages()} - {"simulator"}) | files
    assert "**/.*" in rules[rules.index("!webhook") :], "hidden files of a package must be excluded again"


def test_both_lock_files_have_the_same_version_of_setuptools() -> None:
    """Both lock files have the same version of setuptools, with the same hashes."""
    built = (ROOT / "requirements" / "build.txt").read_text(encoding="utf-8").partition("setuptools==")[2].strip()
    assert built
    assert f"setuptools=={built}" in (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")


def test_the_server_gets_the_signals() -> None:
    """The entry point is our program and not a shell. The command can be replaced by another command of the program."""
    assert instructions()[-2:] == ['ENTRYPOINT ["/opt/venv/bin/page-inbox"]', 'CMD ["serve"]']


def test_the_checks_wait_longer_than_the_server_needs_to_stop() -> None:
    """Otherwise a check could take a kill for a normal end."""
    assert GRACE_SECONDS > server.GRACE_SECONDS + server.CLOSE_SECONDS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_every_planted_fault_of_make_image_still_changes_the_dockerfile(fault: Fault, tmp_path: Path) -> None:
    """Each fault changes an existing line, so a change of the Dockerfile cannot make the fault ineffective."""
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path)
    before = (tmp_path / "Dockerfile").read_text()
    fault.plant(tmp_path)
    assert (tmp_path / "Dockerfile").read_text() != before
