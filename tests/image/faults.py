"""Broken images. A check must find each of them, which shows that the checks can fail."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.image.build import NAME, PLANTED, after_a_change, build, context
from tests.image.checks import CHECKS
from tests.image.machine import tool
from tests.image.report import CheckFailed, require

LAST: Final = "FROM ${PYTHON_IMAGE}\nCOPY --from=build"
"""The beginning of the last stage."""
HIDDEN_FILES_RULE: Final = ("**/.*\n", "")
"""The rule of .dockerignore that hides dot files, and its replacement."""


@dataclass(frozen=True)
class Fault:
    """A replacement in the Dockerfile, and the name of the check that must find it."""

    what: str
    found_by: str
    old: str
    new: str
    hidden_files: bool = False

    def plant(self, place: Path) -> None:
        """Change this copy of the sources.

        Raises:
            CheckFailed: the text to replace is missing, so the fault must be adapted to the Dockerfile.
        """
        changes = [("Dockerfile", self.old, self.new)]
        if self.hidden_files:
            changes.append((".dockerignore", *HIDDEN_FILES_RULE))
        for file, old, new in changes:
            text = (place / file).read_text(encoding="utf-8")
            require(old in text, f"{file} does not contain {old!r}")
            (place / file).write_text(text.replace(old, new, 1), encoding="utf-8")


FAULTS: Final = (
    Fault("runs as root", "user", "USER 10001:10001", "USER 0:0"),
    Fault("runs as a user by name", "user", "USER 10001:10001", "USER daemon"),
    Fault("runs as a user of the host", "user", "USER 10001:10001", "USER 1000:1000"),
    Fault("may change its own code", "user", "COPY --from=build", "COPY --from=build --chown=10001:10001"),
    Fault("a shell as process 1", "first", '["/opt/venv/bin/page-inbox"]', '["sh", "-c", "page-inbox serve; exit $?"]'),
    Fault("one stage for everything", "contents", f"{LAST} /opt/venv /opt/venv\n", ""),
    Fault("tests in the last stage", "contents", LAST,
          LAST.replace("COPY", "RUN mkdir -p /opt/venv/tests && touch /opt/venv/tests/test_it.py\nCOPY", 1)),
    Fault("a start that compiles modules", "compiled", '"import app.cli, ', '"exit()  # '),
    Fault("symbols for debuggers", "size", "-exec strip --strip-unneeded {} +", "-exec true {} +"),
    Fault("a package that is not locked", "sbom", "--without-pip /opt/venv", "/opt/venv"),
    Fault("a secret in a variable", "secrets", "PYTHONUNBUFFERED=1", "FACEBOOK_APP_SECRET=word PYTHONUNBUFFERED=1"),
    Fault("a secret in the history", "secrets", "EXPOSE 8000", f"LABEL note={PLANTED}\nEXPOSE 8000"),
    Fault("a secret that a later layer deletes", "secrets", "USER 10001:10001",
          "COPY --from=build /build/app /opt/venv/app\nRUN rm -r /opt/venv/app\nUSER 10001:10001", hidden_files=True),
    Fault("stopped by SIGKILL", "idle", "EXPOSE 8000", "STOPSIGNAL SIGKILL\nEXPOSE 8000"),
    Fault("the code before the libraries", "layers",
          "COPY requirements/runtime.txt requirements/build.txt requirements/", "COPY . ."),
)  # fmt: skip


def all_found(base: str) -> str:
    """Build an image with each fault, and expect its check to fail. Returns the faults with their errors.

    Raises:
        CheckFailed: a check did not fail. The text names the faults.
    """
    errors = {fault.what: _error(fault, base) for fault in FAULTS}
    missed = [what for what, error in errors.items() if error is None]
    require(not missed, f"not found: {'; '.join(missed)}")
    return "\n".join([f"{len(errors)} of {len(FAULTS)}", *(f"{what}: {error}" for what, error in errors.items())])


def _error(fault: Fault, base: str) -> str | None:
    """Returns the first line of the check's error, or None if the check passed."""
    name = f"{NAME}-broken"
    with context() as place:
        fault.plant(place)
        build(place, base, name=name)
        try:
            if fault.found_by == "layers":
                after_a_change(place, base)
            else:
                CHECKS[fault.found_by][1](name, base)
        except CheckFailed as reason:
            return str(reason).partition("\n")[0][:100]
        finally:
            tool("podman", "rmi", "--force", name)
    return None
