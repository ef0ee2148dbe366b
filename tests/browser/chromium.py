"""Debian's Chromium without windows, and Khmer fonts. The first test installs both. Without them, tests are skipped
with the reason."""

import os
import shutil
from typing import Final

from tests.debian import CACHE, Absent, alone, tool, update

PROGRAMS: Final = ("chromium-headless-shell", "chromium")
"""Names of the program; the first that exists is used. `chromium-headless-shell` needs half of the processor time of
`chromium`, because it draws no windows, menus or icons."""

PACKAGES: Final = (PROGRAMS[0], "fonts-khmeros", "fonts-noto-core", "fonts-noto-color-emoji")
INSTALL_SECONDS: Final = 420
"""Seconds to fetch about 150 MB from a near mirror, on a machine that is busy with other programs."""

ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
"""Options: the browser sends no requests of its own to the network, and root may start it."""


def chromium() -> str:
    """Returns the path of the program.

    Raises:
        Absent: this machine cannot have a browser.
    """
    with alone("chromium"):
        if shutil.which(PROGRAMS[0]) is None:
            try:
                _install()
            except Absent:
                if shutil.which(PROGRAMS[1]) is None:
                    raise
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise Absent(f"a browser: Debian's package {PROGRAMS[0]} brought no program of that name")


def _install() -> None:
    if shutil.which("apt-get") is None:
        raise Absent("a browser: there is no chromium on this machine, and no apt-get to install it")
    if os.geteuid() != 0:
        raise Absent("a browser: there is no chromium on this machine, and only root may install it")
    update()
    patience = ("-o", "DPkg::Lock::Timeout=100", "-o", "Acquire::http::Timeout=20")
    command = ("apt-get", "install", *patience, "--yes", "--no-install-recommends", *PACKAGES)
    tool(*command, cwd=CACHE, seconds=INSTALL_SECONDS, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
