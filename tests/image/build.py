"""The Dockerfile, built; and built again after a change of the code."""

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
from tests.image.points import NotSo, demand

NAME: Final = "localhost/page-inbox:proved"

PLANTED: Final = "a-secret-that-must-stay-outside-of-every-image"
"""Put into the places where secrets lie beside the code, and looked for in every layer."""
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
    """A build: how long it took, and which of its steps were taken from an earlier one."""

    name: str
    seconds: float
    said: str

    def reused(self, step: str) -> bool:
        """Whether the step that begins so came from the cache."""
        place = self.said.find(step)
        if place < 0:
            raise NotSo(f"no step begins with {step}")
        following = re.search(r"^\[\d/\d\] STEP|\Z", self.said[place:], re.MULTILINE)
        return "Using cache" in self.said[place : place + following.start()] if following else False


@contextmanager
def context() -> Iterator[Path]:
    """A copy of the sources as a clone has them, with secrets planted in it; never the working folder itself."""
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
    """Build what lies in this folder; `cached` takes over what earlier builds have done already.

    Raises:
        NotSo: with the end of what was said.
    """
    began = time.monotonic()
    said = tool(
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
    return Built(name, time.monotonic() - began, said)


def after_a_change(place: Path, base: str) -> str:
    """That a changed line of code leaves the libraries' step alone, and changed libraries do not.

    Returns: the seconds of the second build.
    """
    libraries = "RUN python3 -m pip --python /opt/venv/bin/python3 install --no-cache-dir"
    with (place / "domain" / "ids.py").open("a") as module:
        module.write(f"\n# A change of the code that no earlier run has made: {secrets.token_hex(8)}\n")
    name = f"{NAME}-changed"
    changed = build(place, base, name=name)
    demand(changed.reused(libraries), "a change of the code fetched the libraries again")
    demand(not changed.reused("COPY . ."), "a change of the code was not seen")
    with (place / "requirements" / "runtime.txt").open("a") as lock:
        lock.write(f"\n# A change of the lock: {secrets.token_hex(8)}\n")
    again = build(place, base, name=name)
    demand(not again.reused(libraries), "a change of the lock was not seen")
    tool("podman", "rmi", "--force", name)
    return f"libraries reused, {changed.seconds:.1f} s"
