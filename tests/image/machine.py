"""Installs and configures the tools that build and run images without a Docker engine.

All files are in `.cache/image/` (images, configuration) and in RUN (running containers). Other images and containers of
this machine are not used and not changed.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.image.report import CheckFailed, step

ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".cache" / "image"
RUN: Final = Path("/run/page-inbox-image")
"""A short path, because it contains sockets, and the path of a socket is limited."""

PACKAGES: Final = ("buildah", "podman", "runc", "debootstrap", "catatonit")
"""Debian packages. podman requires catatonit, but it is not process 1 of our containers."""

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
    """Raised when this machine cannot build images. The text gives the reason."""


def prepare() -> None:
    """Install missing tools and write the configuration.

    Raises:
        Absent: this process is not root, or the machine is not Debian.
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
            except CheckFailed as reason:
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
    """Returns the environment of the tools: our configuration, without settings of the service."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    files = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
    return kept | {name: str(HOME / file) for name, file in files.items()}


def tool(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, seconds: float = 300) -> str:
    """Run a command and return its standard output.

    Raises:
        CheckFailed: the command failed or took too long. The text has the end of its output.
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
        raise CheckFailed(f"{' '.join(words[:2])} took longer than {seconds:.0f} s") from None
    if done.returncode != 0:
        end = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise CheckFailed(f"{' '.join(words[:3])} ended with {done.returncode}:\n{end}")
    return done.stdout
