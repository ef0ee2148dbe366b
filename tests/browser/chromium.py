"""Debian's Chromium and Khmer type, installed by whoever tests first; a machine that cannot have them says why."""

import os
import shutil
import subprocess
from typing import Final

PACKAGES: Final = ("chromium", "fonts-khmeros", "fonts-noto-core", "fonts-noto-color-emoji")
STEPS: Final = ((120, ("update",)), (420, ("install", "--yes", "--no-install-recommends", *PACKAGES)))
"""Seconds, and what they are for: some 150 MB from a mirror nearby, on a machine that is busy with other things."""

ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
"""Nothing of its own goes to the network, and root may start it."""


class Absent(Exception):
    """This machine cannot have a browser; says why."""


def chromium() -> str:
    """The path of the program. Raises `Absent`."""
    found = shutil.which("chromium")
    if found is None:
        _install()
        found = shutil.which("chromium")
    if found is None:
        raise Absent("a browser: Debian's package chromium brought no program of that name")
    return found


def _install() -> None:
    if shutil.which("apt-get") is None:
        raise Absent("a browser: there is no chromium on this machine, and no apt-get to install it")
    if os.geteuid() != 0:
        raise Absent("a browser: there is no chromium on this machine, and only root may install it")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    patience = ("-o", "DPkg::Lock::Timeout=100", "-o", "Acquire::http::Timeout=20")
    for seconds, command in STEPS:
        try:
            subprocess.run(  # noqa: S603 - our own arguments
                ("apt-get", *patience, *command),  # noqa: S607 - the system's own
                env=environ,
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=seconds,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise Absent(f"a browser: apt-get {command[0]} failed ({type(error).__name__})") from None
