"""What of the Dockerfile and its .dockerignore can be read without building: `make image` builds and runs."""

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
    """One line each, without comments."""
    text = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_hadolint_has_nothing_to_say() -> None:
    """About the whole file."""
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("hadolint: its package has no program for this kind of machine")
    done = subprocess.run(
        [program, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_an_exception_from_a_rule_has_its_reason_above_it() -> None:
    """In a sentence that is no other exception."""
    lines = DOCKERFILE.splitlines()
    above = [lines[place - 1] for place, line in enumerate(lines) if line.startswith(REMARK)]
    assert above
    assert [line for line in above if not line.startswith("# ") or line.startswith(REMARK)] == []


def test_the_base_can_be_pinned_from_outside() -> None:
    """One argument before the first stage decides both stages, so that a digest stands in one place."""
    ours = instructions()
    assert ours[0] == "ARG PYTHON_IMAGE=python:3.13-slim"
    assert [line for line in ours if line.startswith("FROM")] == [
        "FROM ${PYTHON_IMAGE} AS build",
        "FROM ${PYTHON_IMAGE}",
    ]


def test_every_library_comes_by_its_hash_and_as_a_wheel() -> None:
    """Only what was just built here comes without, and without an index."""
    installs = re.findall(r"pip --python \S+ install(.*?)(?:&&|$)", "\n".join(instructions()), re.MULTILINE)
    assert len(installs) == 3
    locked = [line for line in installs if "--require-hashes" in line and "--only-binary :all:" in line]
    assert [line for line in installs if line not in locked] == [line for line in installs if "--no-index" in line]
    assert len(locked) == 2


def test_the_builder_is_shown_the_packages_and_nothing_else() -> None:
    """Everything is ignored first; a new package must be let in here. The simulator stays outside."""
    rules = [line for line in IGNORED if line and not line.startswith("#")]
    assert rules[0] == "*"
    shown = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    files = {"README.md", "pyproject.toml", "requirements/build.txt", "requirements/runtime.txt"}
    assert shown == ({*packages()} - {"simulator"}) | files
    assert "**/.*" in rules[rules.index("!webhook") :], "what is hidden inside of a package must be taken out again"


def test_what_builds_the_package_is_locked_as_the_developers_have_it() -> None:
    """One version of setuptools, with the same hashes."""
    built = (ROOT / "requirements" / "build.txt").read_text(encoding="utf-8").partition("setuptools==")[2].strip()
    assert built
    assert f"setuptools=={built}" in (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")


def test_the_server_gets_the_signals() -> None:
    """No shell and nothing else stands before it; the command can be replaced by another of ours."""
    assert instructions()[-2:] == ['ENTRYPOINT ["/opt/venv/bin/page-inbox"]', 'CMD ["serve"]']


def test_the_proofs_wait_longer_than_the_server_does() -> None:
    """Else a kill would pass for an end."""
    assert GRACE_SECONDS > server.GRACE_SECONDS + server.CLOSE_SECONDS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_every_fault_that_make_image_plants_can_still_be_planted(fault: Fault, tmp_path: Path) -> None:
    """Each changes a line that is there, so that a changed Dockerfile does not make it harmless."""
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path)
    before = (tmp_path / "Dockerfile").read_text()
    fault.plant(tmp_path)
    assert (tmp_path / "Dockerfile").read_text() != before
