"""Programs of Debian for tests: those of this machine, or downloaded once into `.cache/` and not installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers import CACHE, Absent, fetch_once

DOWNLOAD_SECONDS: Final = 120
"""Some 20 MB."""


def program(name: str, *, package: str, programs: Sequence[str] = ()) -> Path:
    """Returns a program of this package. Only `programs` are unpacked, or only `name` if there are none.

    Raises:
        Absent: this machine does not have the program and cannot fetch it. The text gives the reason.
    """
    own = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if own is not None:
        return Path(own)
    home = CACHE / package
    fetch_once(home, lambda home: _fetch(package, programs or (name,), home))
    return home / name


def library(name: str, *, package: str) -> Path:
    """Returns a shared library of this package. Raises Absent as `program` does."""
    home = CACHE / package
    fetch_once(home, lambda home: _fetch_all(package, home))
    (found, *_) = home.rglob(name)
    return found


def _fetch(package: str, programs: Sequence[str], home: Path) -> None:
    with _unpacked(package) as tree:
        found = tree.with_name("found")
        found.mkdir()
        for name in programs:
            (path,) = (path for folder in ("bin", "sbin") for path in tree.glob(f"usr/{folder}/{name}"))
            shutil.move(path, found / name)
            _tool(str(found / name), "-v" if package in {"nginx", "haproxy"} else "--version", cwd=tree)
        found.rename(home)


def _fetch_all(package: str, home: Path) -> None:
    with _unpacked(package) as tree:
        tree.rename(home)


@contextmanager
def _unpacked(package: str) -> Iterator[Path]:
    """Yields the folder with the files of a package."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise Absent(f"{package}: there is no {tool} on this machine")
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        place = Path(scratch)
        try:
            _tool("apt-get", "download", package, cwd=place)
        except Absent:
            if os.geteuid() != 0:
                raise
            _tool("apt-get", "update", cwd=place)  # a fresh machine does not know its packages yet
            _tool("apt-get", "download", package, cwd=place)
        for archive in place.glob("*.deb"):
            _tool("dpkg", "-x", str(archive), "tree", cwd=place)
        yield place / "tree"


def _tool(*command: str, cwd: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands
            command, cwd=cwd, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Absent(f"{command[0]} took longer than {error.timeout:.0f} s") from None
    except OSError as error:
        raise Absent(f"{command[0]} does not run here: {error.strerror}") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Absent(f"{command[0]} {command[1]} failed: {last}")
