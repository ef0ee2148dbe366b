"""A substitute for the official `python:3.13-slim` without a registry: the same Debian, with Debian's own Python.

It is made once and kept in the image storage.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from tests.image.machine import HOME, tool
from tests.image.report import CheckFailed, step

NAME: Final = "docker.io/library/python:3.13-slim"
"""The full name of the Dockerfile's default base."""
RELEASE: Final = "trixie"
"""The Debian release of the official image. Its Python is 3.13."""
PATH: Final = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")


def substitute() -> str:
    """Make the image if it is missing, and return its name.

    Raises:
        CheckFailed: Debian cannot be reached.
    """
    try:
        tool("buildah", "inspect", "--type", "image", NAME)
    except CheckFailed:
        with step(f"making a substitute for {NAME}, once"), tempfile.TemporaryDirectory(dir=HOME) as scratch:
            _commit(_unpack(Path(scratch) / "root"))
    return NAME


def _unpack(root: Path) -> Path:
    packages = "ca-certificates,python3,python3-pip,python3-venv"
    tool("debootstrap", "--variant=minbase", f"--include={packages}", RELEASE, root, seconds=600)
    # As in the official image: Python under /usr/local/bin, and pip may install.
    next(root.glob("usr/lib/python3.*/EXTERNALLY-MANAGED")).unlink()
    program = next(path for path in root.glob("usr/bin/python3.*") if path.name.removeprefix("python3.").isdigit())
    for name in ("python3", "python"):
        (root / "usr/local/bin" / name).symlink_to(Path("/usr/bin") / program.name)
    # As in the official image: no compiled modules.
    for compiled in root.glob("usr/lib/python3*/**/*.pyc"):
        compiled.unlink()
    # The builder trusts the same certificates as this machine, because a proxy may serve the packages.
    shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    (root / "etc/pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    return root


def _commit(root: Path) -> None:
    container = tool("buildah", "from", "scratch").strip()
    try:
        mounted = tool("buildah", "mount", container).strip()
        tool("cp", "-a", f"{root}/.", f"{mounted}/")
        tool("buildah", "umount", container)
        tool("buildah", "config", "--env", f"PATH={PATH}", "--cmd", "python3", container)
        tool("buildah", "commit", "--quiet", container, NAME)
    finally:
        tool("buildah", "rm", container)
