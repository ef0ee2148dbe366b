"""The list of everything that is inside, as CycloneDX JSON: made from the lock file, held against it and the image.

python -m tests.image.sbom build/sbom.cdx.json
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.image.contents import mounted
from tests.image.machine import ROOT
from tests.image.points import demand

LOCK: Final = ROOT / "requirements" / "runtime.txt"
PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)
OWN: Final = "page-inbox"


def render(lock: Path = LOCK) -> str:
    """The document; the same for the same lock file, to the byte.

    Raises:
        CalledProcessError: the lock file or pyproject.toml cannot be understood.
    """
    program = Path(sys.executable).with_name("cyclonedx-py")
    command = [str(program), "requirements", "--pyproject", "pyproject.toml", "--output-reproducible", "--short-PURLs"]
    done = subprocess.run([*command, str(lock)], cwd=ROOT, capture_output=True, text=True, check=True)
    return str(done.stdout)


def normal(name: str) -> str:
    """A package's name, as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Name to version and SHA-256 hashes, of every line of a lock file."""
    found = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if pin := PIN.match(block):
            found[normal(pin["name"])] = (pin["version"], frozenset(re.findall(r"sha256:([0-9a-f]{64})", block)))
    return found


def listed(document: str) -> dict[str, tuple[str, frozenset[str]]]:
    """The same, of an SBOM."""
    parsed: dict[str, Any] = json.loads(document)
    return {
        normal(component["name"]): (
            component["version"],
            frozenset(
                digest["content"]
                for reference in component.get("externalReferences", ())
                for digest in reference.get("hashes", ())
                if digest["alg"] == "SHA-256"
            ),
        )
        for component in parsed["components"]
    }


def installed(image: Path) -> dict[str, str]:
    """Name to version of what an image's environment holds, but for ourselves."""
    places = image.glob("opt/venv/lib/python3.*/site-packages/*.dist-info")
    pairs = (place.name.removesuffix(".dist-info").rpartition("-") for place in places)
    return {normal(name): version for name, _, version in pairs if normal(name) != OWN}


def tells_the_truth(name: str, _base: str) -> str:
    """The SBOM has what the lock has, and the image has nothing else; what it lacks is for other systems.

    Returns: how many components.
    """
    lock = LOCK.read_text(encoding="utf-8")
    told = listed(render())
    demand(told == locked(lock), "the SBOM and the lock file differ")
    with mounted(name) as image:
        inside = installed(image)
    strange = {one: version for one, version in inside.items() if told.get(one, ("",))[0] != version}
    demand(not strange, f"in the image and not in the SBOM: {strange}")
    conditional = {normal(n) for n in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==[^ ]+ ;", lock, re.MULTILINE)}
    missing = set(told) - set(inside) - conditional
    demand(not missing, f"in the SBOM and not in the image: {sorted(missing)}")
    elsewhere = sorted(set(told) - set(inside))
    return f"{len(told)} components, {len(inside)} inside; for other systems: {', '.join(elsewhere) or 'none'}"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(render(), encoding="utf-8")
    print(f"{place}: {len(listed(place.read_text()))} components")
