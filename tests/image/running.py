"""Containers of the image with the restrictions of `compose.yaml`: read-only, without capabilities, little memory."""

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.image.machine import ROOT, tool
from tests.image.report import CheckFailed, require

START_SECONDS: Final = 20.0
GRACE_SECONDS: Final = 25
"""The grace period in compose.yaml."""
CONTROL: Final = Path("/sys/fs/cgroup")


def compose() -> dict[str, Any]:
    """compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return found


def restrictions() -> list[str]:
    """Returns the restrictions of the service in compose.yaml, as options of podman.

    Raises:
        KeyError: compose.yaml lacks one of them.
    """
    service = compose()["services"]["page-inbox"]
    require(service["read_only"] is True, "compose.yaml lets the service write")
    return [
        "--read-only",
        "--read-only-tmpfs=false",  # without this option, podman allows more writes than Docker does
        *(f"--tmpfs={place}" for place in service["tmpfs"]),
        *(f"--cap-drop={name}" for name in service["cap_drop"]),
        *(f"--security-opt={option.removesuffix(':true')}" for option in service["security_opt"]),
        f"--user={service['user']}",
        f"--memory={service['mem_limit']}",
        f"--pids-limit={service['pids_limit']}",
    ]


def server_arguments() -> list[str]:
    """Returns Valkey's options in compose.yaml as a command line, without those for its folder and its users."""
    valkey = compose()["services"]["valkey"]
    _, file, *options = valkey["command"]
    (source,) = [volume.split(":")[0] for volume in valkey["volumes"] if volume.split(":")[1] == file]
    lines = [shlex.split(line, comments=True) for line in (ROOT / source).read_text(encoding="utf-8").splitlines()]
    places = {options.index(name) + n for name in ("--dir", "--aclfile") for n in (0, 1)}
    others = [word for at, word in enumerate(options) if at not in places]
    return [*(word for name, value in filter(None, lines) for word in (f"--{name}", value)), *others]


@dataclass
class Container:
    """A running container."""

    id: str

    def ask(self, what: str) -> Any:
        """Returns a value of `podman inspect`, for example `.State.Pid`."""
        return json.loads(tool("podman", "inspect", "--format", f"{{{{json {what}}}}}", self.id))

    @property
    def pid(self) -> int:
        """The host's process id of the container's process 1."""
        found: int = self.ask(".State.Pid")
        return found

    def status(self) -> dict[str, str]:
        """Returns `/proc/PID/status` of process 1."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def python(self, program: str) -> str:
        """Run a Python program in the container and return its output."""
        return tool("podman", "exec", self.id, "python3", "-c", program, seconds=30).strip()

    def http(self, url: str) -> tuple[int, str]:
        """Send a GET from inside the container. Returns status and body; status 0 if no server listens."""
        program = (
            "import http.client, sys, urllib.parse as p\n"
            f"u = p.urlsplit({url!r}); c = http.client.HTTPConnection(u.hostname, u.port, timeout=5)\n"
            "try:\n    c.request('GET', u.path); a = c.getresponse(); print(a.status, a.read().decode())\n"
            "except OSError:\n    print(0)"
        )
        status, _, body = self.python(program).partition(" ")
        return int(status), body

    def wait_for(self, url: str) -> None:
        """Wait until a GET from inside the container is answered 200."""
        until(lambda: self.http(url)[0] == 200, f"no 200 from {url} within {START_SECONDS:.0f} s", self)

    def stop(self) -> tuple[float, int]:
        """Send SIGTERM. Returns the seconds until the end, and the exit code."""
        began = time.monotonic()
        tool("podman", "stop", f"--time={GRACE_SECONDS}", self.id)
        return time.monotonic() - began, self.ask(".State.ExitCode")

    def log_end(self) -> str:
        """Returns the end of the container's log."""
        return "\n".join(tool("podman", "logs", "--tail=5", self.id).splitlines())

    def peak_megabytes(self) -> float:
        """Returns the largest memory of the container so far, with the page cache."""
        for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for file in (
                CONTROL / controllers / path.lstrip("/") / "memory.max_usage_in_bytes",
                CONTROL / path.lstrip("/") / "memory.peak",
            ):
                if file.is_file():
                    return int(file.read_text()) / 1e6
        raise CheckFailed("this kernel does not report the largest memory")

    def resident_megabytes(self) -> float:
        """Returns the resident memory of process 1."""
        return int(self.status()["VmRSS"].split()[0]) / 1e3


@contextmanager
def running(name: str, settings: Mapping[str, str], *, network: str) -> Iterator[Container]:
    """Start a container of this image with these settings, and remove it at the end."""
    environment = [f"--env={key}={value}" for key, value in settings.items()]
    command = ["podman", "run", "--detach", "--pull=never", f"--network={network}", *restrictions(), *environment, name]
    container = Container(tool(*command).strip())
    try:
        yield container
    finally:
        tool("podman", "rm", "--force", "--time=0", container.id)


def until(condition: Any, message: str, container: Container, within: float = START_SECONDS) -> None:
    """Wait until the condition holds.

    Raises:
        CheckFailed: it did not hold in time. The text has `message` and the end of the container's log.
    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise CheckFailed(f"{message}. Its log ends with:\n{container.log_end()}")
        time.sleep(0.05)


def remove_leftovers() -> None:
    """Remove the containers of an earlier run that was killed, and layers that were not used for a day.

    Raises:
        CheckFailed: the storage is damaged. Delete `.cache/image`.
    """
    tool("podman", "rm", "--all", "--force", "--time=0")
    tool("podman", "image", "prune", "--force", "--filter", "until=24h")
