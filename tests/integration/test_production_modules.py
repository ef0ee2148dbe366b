"""The modules that a production process loads: only libraries that production installs, and only modules of the project
that serving needs.
"""

import json
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.image.sbom import LOCK, locked, normal
from tests.servers import Server
from tests.service import environment, started
from tests.support import wait_until_blocking

AS_IN_PRODUCTION = """
import atexit, json, os, sys

absent = set(json.loads(os.environ["ABSENT"]))


class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def note():
    with open(os.environ["LOADED"], "w") as file:
        json.dump(sorted(sys.modules), file)


sys.meta_path.insert(0, Missing())
atexit.register(note)
from app.start import main
main()
"""
"""`page-inbox` where the modules in ABSENT are not installed. At its end it writes the loaded modules to LOADED."""

UNUSED = {
    *("app.demo", "app.run_command", "app.simulate_command", "app.token_command", "app.settings_command"),
    *("app.doctor", "app.doctor_command", "app.store_commands", "app.export_command", "app.audit_command"),
    *("app.receipt_command", "app.remote", "cache.embedded.valkey", "ops.tracing"),
}
"""Our modules that only other commands need."""

LOADED_LATER = {"api.docs_page", "api.openapi", "app.supervisor", "httpcore2", "httpx2", "phonenumbers"}
"""Modules that a start must not load: they take time and memory, and some processes never need them."""


def absent() -> list[str]:
    """Returns the top-level modules of this environment that the production image does not have."""
    installed = set(locked(LOCK.read_text(encoding="utf-8"))) | {"page-inbox"}
    return ["simulator", "bench", "tests"] + [
        module
        for module, distributions in packages_distributions().items()
        if not installed & set(map(normal, distributions))
    ]


def production(*arguments: str) -> list[str]:
    """Returns the command line of a process without these modules."""
    return [sys.executable, "-c", AS_IN_PRODUCTION, *arguments]


def test_serve_needs_only_production_packages_and_loads_no_other_command(valkey: Server, tmp_path: Path) -> None:
    """The test looks at every module that a serving process has loaded when it ends."""
    loaded = tmp_path / "loaded"
    environ = environment(valkey.url, ABSENT=json.dumps(absent()), LOADED=str(loaded), PYTHONPATH=str(Path.cwd()))
    log = tmp_path / "log"
    with started(production("serve"), log, environ) as process:
        wait_until_blocking(lambda: '"event":"listening"' in log.read_text() or process.poll() is not None, within=30)
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    names = set(json.loads(loaded.read_text()))
    assert "app.server" in names
    assert sorted(names & (UNUSED | LOADED_LATER)) == []
    assert sorted(name for name in names if name.partition(".")[0] in {"simulator", "bench", "tests", "rich"}) == []


def test_a_supervisor_loads_nothing_of_the_application() -> None:
    """The supervisor only serves the operators' port. The application would need 20 MiB more."""
    look = "import app.cli, app.serve_command, app.supervisor, sys; print(*(n.split('.')[0] for n in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)  # noqa: S603
    assert {"app", "ops", "uvicorn"} <= {*loaded.stdout.split()}
    assert {*loaded.stdout.split()} & {"api", "webhook", "graph_client", "redis", "cryptography", "msgspec"} == set()


def test_commands_report_that_the_simulator_is_not_installed(tmp_path: Path) -> None:
    """The command prints one sentence with the remedy and no traceback, and ends with exit code 1. The list of commands
    still works.
    """
    environ = environment(None, ABSENT='["simulator"]', LOADED=str(tmp_path / "loaded"), PYTHONPATH=str(Path.cwd()))
    for command in (["run"], ["simulate", "--url", "http://127.0.0.1:9/webhook"], ["--help"]):
        done = subprocess.run(  # noqa: S603 - our own program
            production(*command), env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert "Traceback" not in done.stderr
        if command == ["--help"]:
            assert done.returncode == 0
            assert "simulate" in done.stdout
        else:
            assert done.returncode == 1
            assert "simulator" in done.stderr
            assert "install" in done.stderr.lower()
