"""The SBOM (CycloneDX JSON): made from the lock file, and compared with the lock file and the image.

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
from tests.image.report import require

LOCK: Final = ROOT / "requirements" / "runtime.txt"
PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)
OWN: Final = "page-inbox"


def render(lock: Path = LOCK) -> str:
    """Returns the SBOM. The same lock file always gives the same bytes.

    Raises:
        CalledProcessError: the lock file or pyproject.toml cannot be parsed.
    """
    program = Path(sys.executable).with_name("cyclonedx-py")
    command = [str(program), "requirements", "--pyproject", "pyproject.toml", "--output-reproducible", "--short-PURLs"]
    done = subprocess.run([*command, str(lock)], cwd=ROOT, capture_output=True, text=True, check=True)
    return str(done.stdout)


def normal(name: str) -> str:
    """Returns a package's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Returns the version and SHA-256 hashes of each package of a lock file, by its name."""
    found = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if pin := PIN.match(block):
            found[normal(pin["name"])] = (pin["version"], frozenset(re.findall(r"sha256:([0-9a-f]{64})", block)))
    return found


def listed(document: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Returns the same of an SBOM."""
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
    """Returns the version of each package in the image, by its name, without Page Inbox itself."""
    places = image.glob("opt/venv/lib/python3.*/site-packages/*.dist-info")
    pairs = (place.name.removesuffix(".dist-info").rpartition("-") for place in places)
    return {normal(name): version for name, _, version in pairs if normal(name) != OWN}


def matches_the_lock(name: str, _base: str) -> str:
    """Check that the SBOM equals the lock file, and that the image has no other package. Packages for other systems may
    be missing.

    Returns the number of components.
    """
    lock = LOCK.read_text(encoding="utf-8")
    told = listed(render())
    require(told == locked(lock), "the SBOM and the lock file differ")
    with mounted(name) as image:
        inside = installed(image)
    strange = {one: version for one, version in inside.items() if told.get(one, ("",))[0] != version}
    require(not strange, f"in the image and not in the SBOM: {strange}")
    conditional = {normal(n) for n in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==[^ ]+ ;", lock, re.MULTILINE)}
    missing = set(told) - set(inside) - conditional
    require(not missing, f"in the SBOM and not in the image: {sorted(missing)}")
    elsewhere = sorted(set(told) - set(inside))
    return f"{len(told)} components, {len(inside)} inside; for other systems: {', '.join(elsewhere) or 'none'}"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(render(), encoding="utf-8")
    print(f"{place}: {len(listed(place.read_text()))} components")
