"""A plugin of pytest: where tests start `page-inbox serve` as a process, they get a container of the image instead.

The container is in the network of the machine, so that the tests reach it and it reaches their Valkey and their Graph;
everything else is as in `tests/image/running.py`. Each Valkey gets a port beside its socket, because a container cannot
open the socket.
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
from tests.image.points import NotSo
from tests.image.running import Container, fences
from tests.servers import Server, free_ports

_process = service.page_inbox
_server = servers.running
_started = service.started
_names = [name for setting in SETTINGS for name in (setting.name, f"{setting.name}_FILE")]


def in_container(*arguments: str) -> list[str]:
    """The command line in place of ours; every other command but `serve` stays what it was."""
    if arguments != ("serve",):
        return _process(*arguments)
    ours = environment()
    config = [f"{name}={ours[name]}" for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF")]
    # Without a value, each is passed on as the process has it.
    told = [f"--env={name}" for name in _names]
    name = f"--name=page-inbox-{secrets.token_hex(6)}"
    options = ["--rm", name, "--pull=never", "--network=host", *fences(), *told]
    podman = shutil.which("podman") or "podman"
    return ["/usr/bin/env", *config, podman, "run", *options, os.environ["PAGE_INBOX_IMAGE"]]


@contextmanager
def on_a_port(
    name: str, directory: Path, binary: Path | None = None, *, persistent: bool = False, extra: Sequence[str] = ()
) -> Iterator[Server]:
    """A Valkey for the tests that containers reach, too."""
    port = free_ports(1)[0]
    network = ["--port", str(port), "--bind", "127.0.0.1"]
    with _server(name, directory, binary, persistent=persistent, extra=[*extra, *network]):
        url = f"redis://127.0.0.1:{port}/0"
        yield Server(name, url, (url,))


@contextmanager
def measured(command: Sequence[str], log: Path, environ: dict[str, str]) -> Iterator[Any]:
    """The process, and before it ends a note of the most memory that its container has had."""
    with _started(command, log, environ) as process:
        yield process
        for name in (word.removeprefix("--name=") for word in command if word.startswith("--name=page-inbox-")):
            with suppress(NotSo), Path(os.environ["PAGE_INBOX_PEAKS"]).open("a") as peaks:
                peaks.write(f"{Container(name).peak_megabytes()}\n")


service.page_inbox = in_container
service.started = measured
servers.running = on_a_port
