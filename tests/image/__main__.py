"""`make image`: builds the Dockerfile without a Docker engine and without a registry, and checks the image.

    python -m tests.image                        uses a substitute of the official base, which is made once
    PYTHON_IMAGE=NAME python -m tests.image      uses this base from a registry

The exit code is 1 if a check fails, and 2 if this machine cannot build images.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.image import build, faults
from tests.image.base import substitute
from tests.image.checks import CHECKS
from tests.image.machine import ROOT, Absent, prepare, tool
from tests.image.report import CheckFailed, Report, step
from tests.image.running import remove_leftovers


def main() -> int:
    """Build the image, run every check and return the exit code."""
    try:
        prepare()
        remove_leftovers()
        base = _base()
    except (Absent, CheckFailed) as reason:
        print(f"The image was not built: {reason}", file=sys.stderr)
        return 2
    report = Report()
    report.check("hadolint finds nothing", lint)
    with build.context() as place:
        report.check("it builds, from nothing", partial(_build, place, base))
        if "it builds, from nothing" in report.failed:
            return report.end()
        report.check("a change of the code keeps the libraries' layer", partial(build.after_a_change, place, base))
    for promise, proof in CHECKS.values():
        report.check(promise, partial(proof, build.NAME, base))
    report.check("every planted fault is found", partial(faults.all_found, base))
    if "PYTHON_IMAGE" not in os.environ:
        print("\n  Not checked: the official base. A substitute with the same Debian and Python was used.")
    return report.end()


def _base() -> str:
    given = os.environ.get("PYTHON_IMAGE")
    if given is None:
        return substitute()
    with step(f"pulling {given}"):
        tool("podman", "pull", "--quiet", given)
    return given


def _build(place: Path, base: str) -> str:
    return f"{build.build(place, base, cached=False).seconds:.0f} s"


def lint() -> str:
    """Returns the linter's version if it finds nothing. The Dockerfile gives the reason for each ignored rule."""
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CheckFailed(done.stdout + done.stderr)
    return tool(program, "--version").strip().removeprefix("Haskell Dockerfile Linter ")


if __name__ == "__main__":
    sys.exit(main())
