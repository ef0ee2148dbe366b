"""The tools that build and run images without a Docker engine: installed when they are missing, set up for us alone.

Everything lies in `.cache/image/` (images, the stand-in of the base, configuration) and in RUN (what runs); images and
containers of the machine's own are neither seen nor touched.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.image.points import NotSo, step

ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".cache" / "image"
RUN: Final = Path("/run/page-inbox-image")
"""Short, because sockets lie in it, whose paths are limited."""

PACKAGES: Final = ("buildah", "podman", "runc", "debootstrap", "catatonit")
"""Of Debian. catatonit is what podman demands to be there, not process 1 of our containers."""

CONTAINERS: Final = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "host"

[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"

[engine.runtimes]
runc = ["{runc}"]
"""
STORAGE: Final = """\
[storage]
driver = "overlay"
graphroot = "{graph}"
runroot = "{run}"
"""


class Absent(Exception):
    """This machine cannot build images; says why."""


def prepare() -> None:
    """Install what is missing and write the configuration.

    Raises:
        Absent: not root, or no Debian.
    """
    if os.geteuid() != 0:
        raise Absent("only root may mount and unpack images here; run it as root, or on a machine of your own")
    missing = [name for name in PACKAGES if shutil.which(name) is None]
    if missing:
        if shutil.which("apt-get") is None:
            raise Absent(f"{', '.join(missing)} missing, and there is no apt-get to install them")
        with step(f"installing {' '.join(missing)}"):
            try:
                _install(missing)
            except NotSo as reason:
                raise Absent(str(reason)) from None
    HOME.mkdir(parents=True, exist_ok=True)
    RUN.mkdir(mode=0o700, exist_ok=True)
    (HOME / "containers.conf").write_text(CONTAINERS.format(runc=shutil.which("runc")))
    (HOME / "storage.conf").write_text(STORAGE.format(graph=HOME / "storage", run=RUN))


def _install(names: list[str]) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    tool("apt-get", "update", "--quiet", env=quiet, seconds=180)
    tool("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *names, env=quiet, seconds=400)


def environment() -> dict[str, str]:
    """What the tools are told: our configuration, and nothing of this machine's own settings of the service."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    told = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
    return kept | {name: str(HOME / file) for name, file in told.items()}


def tool(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, seconds: float = 300) -> str:
    """What a command said on stdout.

    Raises:
        NotSo: it failed, or took too long; with the end of what it said.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd or ROOT,
            env=environment() | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotSo(f"{' '.join(words[:2])} took longer than {seconds:.0f} s") from None
    if done.returncode != 0:
        end = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise NotSo(f"{' '.join(words[:3])} ended with {done.returncode}:\n{end}")
    return done.stdout
