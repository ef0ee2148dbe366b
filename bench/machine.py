"""The machine: assigns processes to cores, and describes the machine. The measured program runs alone on the first
core. Valkey, the senders and everything else share the second core.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from cache.embedded.valkey import find_server

Core = Literal["measured", "rest", "any"]

_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
PINNED: Final = len(_CORES) >= 2
"""Whether processes can be kept on their cores. If not, ratios are not reliable."""

PACKAGES: Final = (
    *("uvicorn", "uvloop", "httptools", "starlette", "redis", "hiredis", "httpx2", "orjson", "zstandard"),
    "fastapi",
)


@contextmanager
def on_core(core: Core) -> Iterator[None]:
    """Run this process and its later child processes on a core. `any` leaves the choice to the system."""
    if not PINNED:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _CORES if core == "any" else {_CORES[0 if core == "measured" else 1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def facts() -> dict[str, str]:
    """Returns facts about the machine for later readers of the figures."""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} cores, " + ("pinned" if PINNED else "not pinned"),
        "load": f"{os.getloadavg()[0]:.2f} over the last minute, before the start; others here blur every figure",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "valkey": _said_by(str(find_server()), "--version"),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }
    if (node := shutil.which("node")) is not None:
        found["node"] = _said_by(node, "--version")
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
