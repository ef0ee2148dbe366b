"""Containers of the image, run as `compose.yaml` runs them: read-only, without capabilities, in little memory."""

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
from tests.image.points import NotSo, demand

START_SECONDS: Final = 20.0
GRACE_SECONDS: Final = 25
"""As long as compose.yaml waits before it kills."""
CONTROL: Final = Path("/sys/fs/cgroup")


def compose() -> dict[str, Any]:
    """compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return found


def fences() -> list[str]:
    """What compose.yaml fences the service in with, in podman's words.

    Raises:
        KeyError: a fence is missing there.
    """
    service = compose()["services"]["page-inbox"]
    demand(service["read_only"] is True, "compose.yaml lets the service write")
    return [
        "--read-only",
        "--read-only-tmpfs=false",  # podman would else let it write to more than Docker does
        *(f"--tmpfs={place}" for place in service["tmpfs"]),
        *(f"--cap-drop={name}" for name in service["cap_drop"]),
        *(f"--security-opt={option.removesuffix(':true')}" for option in service["security_opt"]),
        f"--user={service['user']}",
        f"--memory={service['mem_limit']}",
        f"--pids-limit={service['pids_limit']}",
    ]


def server_arguments() -> list[str]:
    """What compose.yaml starts Valkey with, as options of its command line; but for its folder and its users."""
    valkey = compose()["services"]["valkey"]
    _, file, *options = valkey["command"]
    (source,) = [volume.split(":")[0] for volume in valkey["volumes"] if volume.split(":")[1] == file]
    lines = [shlex.split(line, comments=True) for line in (ROOT / source).read_text(encoding="utf-8").splitlines()]
    places = {options.index(name) + n for name in ("--dir", "--aclfile") for n in (0, 1)}
    others = [word for at, word in enumerate(options) if at not in places]
    return [*(word for name, value in filter(None, lines) for word in (f"--{name}", value)), *others]


@dataclass
class Container:
    """A running one."""

    id: str

    def ask(self, what: str) -> Any:
        """What podman knows of it, by the words of its template."""
        return json.loads(tool("podman", "inspect", "--format", f"{{{{json {what}}}}}", self.id))

    @property
    def pid(self) -> int:
        """Its process 1, seen from outside."""
        found: int = self.ask(".State.Pid")
        return found

    def status(self) -> dict[str, str]:
        """`/proc/PID/status` of process 1."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def python(self, program: str) -> str:
        """What a Python program says inside."""
        return tool("podman", "exec", self.id, "python3", "-c", program, seconds=30).strip()

    def http(self, url: str) -> tuple[int, str]:
        """Status and body of a GET from inside, where there is no network but loopback; 0 while nobody listens."""
        program = (
            "import http.client, sys, urllib.parse as p\n"
            f"u = p.urlsplit({url!r}); c = http.client.HTTPConnection(u.hostname, u.port, timeout=5)\n"
            "try:\n    c.request('GET', u.path); a = c.getresponse(); print(a.status, a.read().decode())\n"
            "except OSError:\n    print(0)"
        )
        status, _, body = self.python(program).partition(" ")
        return int(status), body

    def wait_for(self, url: str) -> None:
        """Until a GET from inside is answered 200."""
        until(lambda: self.http(url)[0] == 200, f"no 200 from {url} within {START_SECONDS:.0f} s", self)

    def stop(self) -> tuple[float, int]:
        """SIGTERM: the seconds until it had ended, and its exit code."""
        began = time.monotonic()
        tool("podman", "stop", f"--time={GRACE_SECONDS}", self.id)
        return time.monotonic() - began, self.ask(".State.ExitCode")

    def said(self) -> str:
        """The end of its log."""
        return "\n".join(tool("podman", "logs", "--tail=5", self.id).splitlines())

    def peak_megabytes(self) -> float:
        """The most memory it has had, files of the page cache included."""
        for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for file in (
                CONTROL / controllers / path.lstrip("/") / "memory.max_usage_in_bytes",
                CONTROL / path.lstrip("/") / "memory.peak",
            ):
                if file.is_file():
                    return int(file.read_text()) / 1e6
        raise NotSo("the kernel does not tell how much memory was used")

    def resident_megabytes(self) -> float:
        """What process 1 itself holds now."""
        return int(self.status()["VmRSS"].split()[0]) / 1e3


@contextmanager
def running(name: str, settings: Mapping[str, str], *, network: str) -> Iterator[Container]:
    """A container of this image with these settings; gone at the end, whatever became of it."""
    told = [f"--env={key}={value}" for key, value in settings.items()]
    command = ["podman", "run", "--detach", "--pull=never", f"--network={network}", *fences(), *told, name]
    container = Container(tool(*command).strip())
    try:
        yield container
    finally:
        tool("podman", "rm", "--force", "--time=0", container.id)


def until(condition: Any, otherwise: str, container: Container, within: float = START_SECONDS) -> None:
    """Returns once it holds.

    Raises:
        NotSo: the sentence, and what the container said last.
    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise NotSo(f"{otherwise}; it said:\n{container.said()}")
        time.sleep(0.05)


def sweep() -> None:
    """Remove containers that an earlier run left, which was killed itself, and layers that nothing has used for a day.

    Raises:
        NotSo: the storage is broken; delete `.cache/image`.
    """
    tool("podman", "rm", "--all", "--force", "--time=0")
    tool("podman", "image", "prune", "--force", "--filter", "until=24h")
