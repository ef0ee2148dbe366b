"""Broken images, each of which the proofs must refuse: what can refuse nothing proves nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.image.build import NAME, PLANTED, after_a_change, build, context
from tests.image.machine import tool
from tests.image.points import NotSo, demand
from tests.image.promises import PROMISES

LAST: Final = "FROM ${PYTHON_IMAGE}\nCOPY --from=build"
"""Where the last stage begins."""
HOLE: Final = ("**/.*\n", "")
"""Taken out of .dockerignore: then what is hidden beside the code reaches the builder."""


@dataclass(frozen=True)
class Fault:
    """One thing broken: in which file what is replaced by what, and who must notice."""

    what: str
    noticed_by: str
    old: str
    new: str
    hole: bool = False

    def plant(self, place: Path) -> None:
        """Break this copy of the sources.

        Raises:
            NotSo: there is nothing to break any more; the fault must follow the Dockerfile.
        """
        changes = [("Dockerfile", self.old, self.new)]
        if self.hole:
            changes.append((".dockerignore", *HOLE))
        for file, old, new in changes:
            text = (place / file).read_text(encoding="utf-8")
            demand(old in text, f"{file} has no {old!r} any more")
            (place / file).write_text(text.replace(old, new, 1), encoding="utf-8")


FAULTS: Final = (
    Fault("runs as root", "user", "USER 10001:10001", "USER 0:0"),
    Fault("runs as a user by name", "user", "USER 10001:10001", "USER daemon"),
    Fault("runs as a user of the machines", "user", "USER 10001:10001", "USER 1000:1000"),
    Fault("may change its own code", "user", "COPY --from=build", "COPY --from=build --chown=10001:10001"),
    Fault("a shell as process 1", "first", '["/opt/venv/bin/page-inbox"]', '["sh", "-c", "page-inbox serve; exit $?"]'),
    Fault("one stage for everything", "contents", f"{LAST} /opt/venv /opt/venv\n", ""),
    Fault("tests in the last stage", "contents", LAST,
          LAST.replace("COPY", "RUN mkdir -p /opt/venv/tests && touch /opt/venv/tests/test_it.py\nCOPY", 1)),
    Fault("a start that compiles modules", "compiled", '"import app.cli, ', '"exit()  # '),
    Fault("symbols for debuggers", "size", "-exec strip --strip-unneeded {} +", "-exec true {} +"),
    Fault("a package that nobody locked", "sbom", "--without-pip /opt/venv", "/opt/venv"),
    Fault("a secret in a variable", "secrets", "PYTHONUNBUFFERED=1", "FACEBOOK_APP_SECRET=word PYTHONUNBUFFERED=1"),
    Fault("a secret in the history", "secrets", "EXPOSE 8000", f"LABEL note={PLANTED}\nEXPOSE 8000"),
    Fault("a secret that a later layer deletes", "secrets", "USER 10001:10001",
          "COPY --from=build /build/app /opt/venv/app\nRUN rm -r /opt/venv/app\nUSER 10001:10001", hole=True),
    Fault("stopped by a signal that asks nobody", "idle", "EXPOSE 8000", "STOPSIGNAL SIGKILL\nEXPOSE 8000"),
    Fault("the code before the libraries", "layers",
          "COPY requirements/runtime.txt requirements/build.txt requirements/", "COPY . ."),
)  # fmt: skip


def all_noticed(base: str) -> str:
    """Plant each fault in a copy of its own, build it, and see the proof refuse it.

    Returns: each with what was said of it.
    Raises:
        NotSo: names those that nobody noticed.
    """
    said = {fault.what: _complaint(fault, base) for fault in FAULTS}
    missed = [what for what, complaint in said.items() if complaint is None]
    demand(not missed, f"nobody noticed: {'; '.join(missed)}")
    return "\n".join([f"{len(said)} of {len(FAULTS)}", *(f"{what}: {complaint}" for what, complaint in said.items())])


def _complaint(fault: Fault, base: str) -> str | None:
    """The first line of what the proof says of it; None when it says nothing."""
    name = f"{NAME}-broken"
    with context() as place:
        fault.plant(place)
        build(place, base, name=name)
        try:
            if fault.noticed_by == "layers":
                after_a_change(place, base)
            else:
                PROMISES[fault.noticed_by][1](name, base)
        except NotSo as reason:
            return str(reason).partition("\n")[0][:100]
        finally:
            tool("podman", "rmi", "--force", name)
    return None
