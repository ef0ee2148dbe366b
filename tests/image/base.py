"""A stand-in for the official `python:3.13-slim`, where no registry can be reached: the same Debian, its own Python.

Made once, kept in the storage. What it cannot show is said at the end of every run: the official image's bytes.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from tests.image.machine import HOME, tool
from tests.image.points import NotSo, step

NAME: Final = "docker.io/library/python:3.13-slim"
"""The name that the Dockerfile's default stands for."""
RELEASE: Final = "trixie"
"""The Debian that the official image is made of, and whose Python is 3.13."""
PATH: Final = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")


def stand_in() -> str:
    """The image's name, after it was made if it was not there yet.

    Raises:
        NotSo: Debian cannot be reached.
    """
    try:
        tool("buildah", "inspect", "--type", "image", NAME)
    except NotSo:
        with step(f"a stand-in for {NAME}, once"), tempfile.TemporaryDirectory(dir=HOME) as scratch:
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
    # Whom this machine trusts, the builder inside trusts too: a proxy may stand between it and the packages.
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
