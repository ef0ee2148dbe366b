"""Loads the compiled modules in place of their sources, when they were compiled from exactly these sources.

`make build` compiles the modules that pyproject.toml lists, into a folder whose name is a digest of the sources. After
an edit the digest is another one, so the sources run: a compiled module is never older than its source. An image has
no such folder: its modules are compiled in their place, where no source changes.
"""

import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("domain", "ops", "webhook", "cache", "app")
"""The packages that contain compiled modules, and everything of ours that a compiled module imports."""


def digest(root: Path) -> str:
    """A name for these sources and this interpreter."""
    found = sha256(EXTENSION_SUFFIXES[0].encode())
    found.update((root / "pyproject.toml").read_bytes())
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            content = path.read_bytes()
            found.update(f"{path.relative_to(root)} {len(content)}\n".encode())
            found.update(content)
    return found.hexdigest()[:32]


def folder(root: Path) -> Path:
    """Where the compiled modules of these sources are, if they are compiled."""
    return root / "build" / "compiled" / digest(root)


def use(root: Path = ROOT) -> None:
    """Load compiled modules from now on, if these sources are compiled. Call it before they are imported."""
    if not (root / "build" / "compiled").is_dir():
        return
    compiled = folder(root)
    suffix = EXTENSION_SUFFIXES[0]
    files = {
        ".".join(path.relative_to(compiled).parts).removesuffix(suffix): path for path in compiled.rglob(f"*{suffix}")
    }
    if files:
        sys.meta_path.insert(0, _Finder(files))


class _Finder(MetaPathFinder):
    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(name)
        return None if file is None else spec_from_file_location(name, file)
