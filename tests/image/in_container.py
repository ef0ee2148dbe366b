"""A plugin of pytest: tests that start `page-inbox serve` as a program get a container of the image instead.

The container uses the network of the machine, so that it and the tests can connect to each other. All else is as in
`tests/image/running.py`. Each Valkey has a port and not only its socket, because a container cannot open the socket.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ops.settings import SETTINGS
from tests import servers, service
from tests.image.machine import environment
from tests.image.report import CheckFailed
from tests.image.running import Container, restrictions
from tests.servers import Server, free_ports

_process = service.page_inbox
_server = servers.running
_started = service.started
_names = [name for setting in SETTINGS for name in (setting.name, f"{setting.name}_FILE")]


def in_container(*arguments: str) -> list[str]:
    """Returns the command line of a container for `serve`. All other commands stay as they are."""
    if arguments != ("serve",):
        return _process(*arguments)
    ours = environment()
    config = [f"{name}={ours[name]}" for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF")]
    # A name without a value passes the value of this process.
    variables = [f"--env={name}" for name in _names]
    name = f"--name=page-inbox-{secrets.token_hex(6)}"
    options = ["--rm", name, "--pull=never", "--network=host", *restrictions(), *variables]
    podman = shutil.which("podman") or "podman"
    return ["/usr/bin/env", *config, podman, "run", *options, os.environ["PAGE_INBOX_IMAGE"]]


@contextmanager
def on_a_port(
    name: str, directory: Path, binary: Path | None = None, *, persistent: bool = False, extra: Sequence[str] = ()
) -> Iterator[Server]:
    """Start a Valkey that containers can reach too."""
    port = free_ports(1)[0]
    network = ["--port", str(port), "--bind", "127.0.0.1"]
    with _server(name, directory, binary, persistent=persistent, extra=[*extra, *network]):
        url = f"redis://127.0.0.1:{port}/0"
        yield Server(name, url, (url,))


@contextmanager
def measured(command: Sequence[str], log: Path, environ: dict[str, str]) -> Iterator[Any]:
    """Start the process. At the end, note the largest memory of its container."""
    with _started(command, log, environ) as process:
        yield process
        for name in (word.removeprefix("--name=") for word in command if word.startswith("--name=page-inbox-")):
            with suppress(CheckFailed), Path(os.environ["PAGE_INBOX_PEAKS"]).open("a") as peaks:
                peaks.write(f"{Container(name).peak_megabytes()}\n")


service.page_inbox = in_container
service.started = measured
servers.running = on_a_port
