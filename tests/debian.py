"""Programs of Debian for tests. A program is on this machine, or it is downloaded once into `.cache/` and not
installed.

Several test processes may want the same program at the same time. One process fetches it, and the other processes wait.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).parents[1] / ".cache"
SECONDS: Final = 100
"""Seconds for one step. The largest package has about 20 MB."""


class Absent(Exception):
    """Raised if this machine cannot have this program. The text gives the reason."""


def program(name: str, *, package: str, programs: Sequence[str] = ()) -> Path:
    """Returns a program of this package. Only the files named in `programs` are unpacked, or only `name` if `programs`
    is empty.

    Raises:
        Absent: this machine does not have the program and cannot fetch it. The text gives the reason.
    """
    own = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if own is not None:
        return Path(own)
    return fetched(package, lambda home: _fetch(package, programs or (name,), home)) / name


def library(name: str, *, package: str) -> Path:
    """Returns a shared library of this package. Raises Absent as `program` does."""

    def fetch(home: Path) -> None:
        with unpacked(package) as tree:
            tree.rename(home)

    (found, *_) = fetched(package, fetch).rglob(name)
    return found


def fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """Returns the folder of this name in `.cache/`. If the folder is missing, `fetch` makes it."""
    home = CACHE / name
    if not home.exists():
        with alone(name):
            if not home.exists():
                fetch(home)
    return home


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Lets only one test process at a time into the context of this name."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def unpacked(*packages: str) -> Iterator[Path]:
    """Yields the folder with the files of these packages. Raises Absent."""
    for name in ("apt-get", "dpkg"):
        if shutil.which(name) is None:
            raise Absent(f"{packages[0]}: there is no {name} on this machine")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        place = Path(scratch)
        _download(packages, place)
        for archive in place.glob("*.deb"):
            tool("dpkg", "-x", str(archive), "tree", cwd=place)
        yield place / "tree"


def update() -> None:
    """Fetches the lists of packages. apt-get refuses to do so in two processes at once. Raises Absent."""
    with alone("apt-get-update"):
        tool("apt-get", "update", "-o", "Acquire::http::Timeout=20", cwd=CACHE)


def tool(*command: str, cwd: Path, seconds: float = SECONDS, env: Mapping[str, str] | None = None) -> str:
    """Runs a command and returns its output. Raises Absent if the command fails or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands
            command,
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise Absent(f"{command[0]} took longer than {error.timeout:.0f} s") from None
    except OSError as error:
        raise Absent(f"{command[0]} does not run here: {error.strerror}") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Absent(f"{command[0]} {command[1]} failed: {last}")
    return done.stdout


def _fetch(package: str, programs: Sequence[str], home: Path) -> None:
    with unpacked(package) as tree:
        found = tree.with_name("found")
        found.mkdir()
        for name in programs:
            (path,) = (path for folder in ("bin", "sbin") for path in tree.glob(f"usr/{folder}/{name}"))
            shutil.move(path, found / name)
            tool(str(found / name), "-v" if package in {"nginx", "haproxy"} else "--version", cwd=tree)
        found.rename(home)


def _download(packages: Sequence[str], place: Path) -> None:
    command = ("apt-get", "download", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20", *packages)
    try:
        tool(*command, cwd=place)
    except Absent:
        if os.geteuid() != 0:
            raise
        update()  # a fresh machine does not know its packages yet
        tool(*command, cwd=place)
