"""Checks the files of the image: what it adds to its base, who owns the files, and what it must not contain."""

import json
import re
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.image.build import PLANTED
from tests.image.machine import HOME, tool
from tests.image.report import require

LARGEST: Final = 60
"""Megabytes above the base."""
LEAST_USER: Final = 10_000
"""Lower numbers are users of the host."""
VENV: Final = "opt/venv"

COMPILERS: Final = re.compile(r"(.*-)?(cc|gcc|g\+\+|c\+\+|clang|cpp|ld|as|make|rustc|cargo|strip)(-[\d.]+)?")
LEFTOVERS: Final = re.compile(
    r"tests?|\.git|\.cache|\.hypothesis|node_modules|build|requirements|.*\.egg-info|.*\.whl|.*\.a|.*\.[ch]"
)
"""Names of files and folders that only a build or a test needs."""
ALLOWED: Final = re.compile(r"opt/venv/lib/python3\.\d+/site-packages/[\w.]+/.*\.h")
"""C headers that libraries install beside their modules: a few kilobytes."""

COMPILED: Final = re.compile(r"usr/(local/)?lib/python3(\.\d+)?/(.*/)?__pycache__/[^/]+\.pyc")
"""Compiled modules of the standard library. The official base has none."""
NOT_COMPILED: Final = """\
import app.cli, app.factory, app.process, app.supervisor, app.worker
import os, sys
specs = [module.__spec__ for module in sys.modules.values() if getattr(module, "__spec__", None)]
print(*sorted(spec.name for spec in specs if spec.cached and not os.path.exists(spec.cached)))
"""


@contextmanager
def mounted(name: str) -> Iterator[Path]:
    """Mount the files of an image for reading."""
    container = tool("buildah", "from", "--pull-never", name).strip()
    try:
        yield Path(tool("buildah", "mount", container).strip())
    finally:
        tool("buildah", "rm", container)


def configuration(name: str) -> dict[str, Any]:
    """Returns the image's configuration: user, environment, entry point, history."""
    found: dict[str, Any] = json.loads(tool("podman", "image", "inspect", name))[0]
    return found


def added(image: Path, base: Path) -> list[Path]:
    """Returns the files that the image adds to the base or changes, as paths from the root, without folders."""
    return [
        path.relative_to(image)
        for path in sorted(image.rglob("*"))
        if not (path.is_dir() and not path.is_symlink()) and _differs(path, base / path.relative_to(image))
    ]


def _differs(path: Path, before: Path) -> bool:
    if not (before.is_symlink() or before.exists()):
        return True
    now, then = path.lstat(), before.lstat()
    return (now.st_mode, now.st_size, int(now.st_mtime)) != (then.st_mode, then.st_size, int(then.st_mtime))


def adds_nothing_else(name: str, base: str) -> str:
    """Check that only our environment and the compiled standard library of Python are new.

    Returns the number of added files.
    """
    with mounted(name) as image, mounted(base) as before:
        new = added(image, before)
    compiled = {path for path in new if COMPILED.fullmatch(str(path))}
    others = [str(path) for path in new if path not in compiled and not str(path).startswith(f"{VENV}/")]
    require(not others, f"outside of /{VENV}: {others[:5]}")
    compilers = [str(path) for path in new if COMPILERS.fullmatch(path.name)]
    require(not compilers, f"compilers: {compilers[:5]}")
    left = [str(p) for p in new if any(map(LEFTOVERS.fullmatch, p.parts)) and not ALLOWED.fullmatch(str(p))]
    require(not left, f"left over: {left[:5]}")
    return f"{len(new) - len(compiled)} files below /{VENV}, and {len(compiled)} compiled modules"


def starts_compiled(name: str, _base: str) -> str:
    """Check that every module that a start loads is compiled, because a container cannot keep what it compiles."""
    run = ("podman", "run", "--rm", "--pull=never", "--network=none", "--entrypoint=python3")
    missing = tool(*run, name, "-c", NOT_COMPILED).split()
    require(not missing, f"{len(missing)} modules are compiled at each start: {missing[:5]}")
    return "none is compiled at a start"


def small(name: str, base: str) -> str:
    """Check that the image adds at most LARGEST megabytes to the base. Returns how many it adds."""
    with mounted(name) as image, mounted(base) as before:
        size = sum((image / path).lstat().st_size for path in added(image, before)) / 1e6
    require(size <= LARGEST, f"{size:.1f} MB above the base; at most {LARGEST}")
    return f"{size:.1f} MB"


def user_cannot_write(name: str, _base: str) -> str:
    """Check that the user is a number without a name, and that all files belong to root. Returns the user."""
    user = str(configuration(name)["Config"]["User"])
    require(re.fullmatch(r"\d+:\d+", user), f"the user {user!r} is no pair of numbers")
    require(int(user.split(":")[0]) >= LEAST_USER, f"the user {user} is below {LEAST_USER}")
    with mounted(name) as image:
        for path in [image / VENV, *(image / VENV).rglob("*")]:
            info = path.lstat()
            place = path.relative_to(image)
            require((info.st_uid, info.st_gid) == (0, 0), f"{place} belongs to {info.st_uid}:{info.st_gid}")
            fixed = stat.S_ISLNK(info.st_mode) or not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID)
            require(fixed, f"{place} can be written by others, or runs as its owner")
    return f"runs as {user}, all files are root's"


def has_no_secret(name: str, base: str) -> str:
    """Check that no layer, no step of the history and no variable contains a planted secret.

    Returns the number of layers that were searched.
    """
    found = configuration(name)
    require(PLANTED not in json.dumps(found), "a planted secret is in the configuration or the history")
    before = {line.partition("=")[0] for line in configuration(base)["Config"]["Env"]}
    ours = {line.partition("=")[0] for line in found["Config"]["Env"]} - before
    require(ours <= {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}, f"variables: {sorted(ours)}")
    layers = 0
    with tempfile.TemporaryDirectory(dir=HOME) as scratch:
        archive = Path(scratch) / "image.tar"
        tool("podman", "save", "--quiet", "--format", "docker-archive", "--output", archive, name)
        with tarfile.open(archive) as saved:
            for member in saved:
                content = saved.extractfile(member)
                if content is None:
                    continue
                require(PLANTED.encode() not in content.read(), f"a planted secret is in {member.name}")
                layers += member.name.endswith(".tar")
    require(layers >= 2, f"only {layers} layers were found")
    return f"{layers} layers searched"
