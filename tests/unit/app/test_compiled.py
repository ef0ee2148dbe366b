"""Compiled modules are loaded only where they were compiled from exactly the sources that are there."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import pytest

from app import compiled


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources of which one module is compiled."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    (tmp_path / "pyproject.toml").write_text("")
    for package in compiled.PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "module.py").write_text("X = 1\n")
    module = compiled.folder(tmp_path) / f"wanted_module{EXTENSION_SUFFIXES[0]}"
    module.parent.mkdir(parents=True)
    module.touch()
    return tmp_path


def found() -> str | None:
    """The file that would be imported."""
    spec = find_spec("wanted_module")
    return None if spec is None else spec.origin


def test_a_compiled_module_is_found_before_its_source(clone: Path) -> None:
    """By its name, wherever the source lies."""
    compiled.use(clone)
    assert found() == str(compiled.folder(clone) / f"wanted_module{EXTENSION_SUFFIXES[0]}")


@pytest.mark.parametrize("edit", ["change", "add", "rename", "remove", "list"])
def test_after_an_edit_the_sources_run(clone: Path, edit: str) -> None:
    """Whatever the edit is: a compiled module older than its source would be a trap."""
    source = clone / compiled.PACKAGES[-1] / "module.py"
    match edit:
        case "change":
            source.write_text("X = 2\n")
        case "add":
            source.with_name("more.py").write_text("")
        case "rename":
            source.rename(source.with_name("other.py"))
        case "remove":
            source.unlink()
        case "list":
            (clone / "pyproject.toml").write_text("compiled = []")
    compiled.use(clone)
    assert found() is None


def test_nothing_is_looked_for_where_nothing_is_compiled(tmp_path: Path) -> None:
    """As in an image, which has no folder `build`."""
    before = list(sys.meta_path)
    compiled.use(tmp_path)
    assert sys.meta_path == before
