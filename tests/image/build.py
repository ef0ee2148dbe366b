"""Builds the image, and builds it again after a change of the code."""

import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.house.sources import committed
from tests.image.machine import HOME, ROOT, tool
from tests.image.report import CheckFailed, require

NAME: Final = "localhost/page-inbox:checked"

PLANTED: Final = "a-secret-that-must-stay-outside-of-every-image"
"""Written to PLACES before a build. No layer may contain it."""
PLACES: Final = (
    ".env",
    ".data/secrets.json",
    "secrets/token_keys",
    "app/.env",
    ".git/config",
    "tests/token",
    "key.pem",
)


@dataclass(frozen=True)
class Built:
    """A finished build, with its duration and its output."""

    name: str
    seconds: float
    output: str

    def reused(self, step: str) -> bool:
        """Returns whether the step that begins with this text came from the cache."""
        place = self.output.find(step)
        if place < 0:
            raise CheckFailed(f"no step begins with {step}")
        following = re.search(r"^\[\d/\d\] STEP|\Z", self.output[place:], re.MULTILINE)
        return "Using cache" in self.output[place : place + following.start()] if following else False


@contextmanager
def context() -> Iterator[Path]:
    """Copy the committed sources to a temporary folder, with planted secrets in it."""
    with tempfile.TemporaryDirectory(dir=HOME) as scratch:
        place = Path(scratch)
        _copy(place)
        yield place


def _copy(place: Path) -> None:
    for path in filter(Path.is_file, committed()):
        copy = place / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    for name in PLACES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(PLANTED)


def build(place: Path, base: str, *, name: str = NAME, cached: bool = True) -> Built:
    """Build the image from this folder. With `cached`, layers of earlier builds are used.

    Raises:
        CheckFailed: the build failed. The text has the end of its output.
    """
    began = time.monotonic()
    output = tool(
        "buildah",
        "bud",
        "--pull=never",
        "--isolation=chroot",
        "--network=host",
        "--format=docker",
        "--layers",
        *(() if cached else ("--no-cache",)),
        f"--build-arg=PYTHON_IMAGE={base}",
        f"--tag={name}",
        place,
        seconds=600,
    )
    return Built(name, time.monotonic() - began, output)


def after_a_change(place: Path, base: str) -> str:
    """Check that a changed line of code keeps the layer of the libraries, and that changed libraries do not.

    Returns the seconds of the second build.
    """
    libraries = "RUN python3 -m pip --python /opt/venv/bin/python3 install --no-cache-dir"
    with (place / "domain" / "ids.py").open("a") as module:
        module.write(f"\n# A change of the code that no earlier run has made: {secrets.token_hex(8)}\n")
    name = f"{NAME}-changed"
    changed = build(place, base, name=name)
    require(changed.reused(libraries), "a change of the code installed the libraries again")
    require(not changed.reused("COPY . ."), "a change of the code was not built")
    with (place / "requirements" / "runtime.txt").open("a") as lock:
        lock.write(f"\n# A change of the lock: {secrets.token_hex(8)}\n")
    again = build(place, base, name=name)
    require(not again.reused(libraries), "a change of the lock was not built")
    tool("podman", "rmi", "--force", name)
    return f"libraries reused, {changed.seconds:.1f} s"
