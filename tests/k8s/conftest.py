"""A renderer of the manifests, and copies of the folders that tests can break."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debian import Absent
from tests.k8s.manifests import Manifests
from tests.k8s.renderer import ROOT, render, renderer


@pytest.fixture(scope="session", autouse=True)
def _renderer() -> None:
    """Skips tests that need Kustomize if there is none."""
    try:
        renderer()
    except Absent as absent:
        pytest.skip(str(absent))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Returns a copy of `k8s/`."""
    return Path(shutil.copytree(ROOT / "k8s", tmp_path / "k8s"))


@pytest.fixture(scope="session")
def rendered() -> Callable[[str], Manifests]:
    """Returns an overlay without changes."""
    held: dict[str, Manifests] = {}

    def overlay(name: str) -> Manifests:
        if name not in held:
            held[name] = render(ROOT / "k8s" / "overlays" / name)
        return held[name]

    return overlay
