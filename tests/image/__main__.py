"""`make image`: builds the Dockerfile where no Docker engine runs and no registry is reached, and proves its promises.

    python -m tests.image                        on a stand-in of the official base, made once
    PYTHON_IMAGE=NAME python -m tests.image      on this base, which a registry gives

Ends with 1 when a promise is broken, with 2 when this machine cannot build images at all.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.image import build, faults
from tests.image.base import stand_in
from tests.image.machine import ROOT, Absent, prepare, tool
from tests.image.points import NotSo, Points, step
from tests.image.promises import PROMISES
from tests.image.running import sweep


def main() -> int:
    """Everything in turn; the exit code."""
    try:
        prepare()
        sweep()
        base = _base()
    except (Absent, NotSo) as reason:
        print(f"The image was not built: {reason}", file=sys.stderr)
        return 2
    points = Points()
    points.prove("hadolint has nothing to say", lint)
    with build.context() as place:
        points.prove("it builds, from nothing", partial(_build, place, base))
        if "it builds, from nothing" in points.broken:
            return points.conclude()
        points.prove("a change of the code keeps the libraries' layer", partial(build.after_a_change, place, base))
    for promise, proof in PROMISES.values():
        points.prove(promise, partial(proof, build.NAME, base))
    points.prove("planted faults are noticed", partial(faults.all_noticed, base))
    if "PYTHON_IMAGE" not in os.environ:
        print("\n  Not proved: the bytes of the official base. A stand-in of its Debian and Python took its place.")
    return points.conclude()


def _base() -> str:
    given = os.environ.get("PYTHON_IMAGE")
    if given is None:
        return stand_in()
    with step(f"pulling {given}"):
        tool("podman", "pull", "--quiet", given)
    return given


def _build(place: Path, base: str) -> str:
    return f"{build.build(place, base, cached=False).seconds:.0f} s"


def lint() -> str:
    """The linter's version, when it has nothing to say; an exception from its rules has its reason in the file."""
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotSo(done.stdout + done.stderr)
    return tool(program, "--version").strip().removeprefix("Haskell Dockerfile Linter ")


if __name__ == "__main__":
    sys.exit(main())
