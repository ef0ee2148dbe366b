"""The list of everything inside, made from the lock file."""

import json

import pytest

from tests.image import sbom

LOCK = sbom.LOCK.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def document() -> str:
    """As the command writes it."""
    return sbom.render()


def test_it_is_a_cyclonedx_of_ourselves(document: str) -> None:
    """Of the version that pyproject.toml has."""
    told = json.loads(document)
    assert told["bomFormat"] == "CycloneDX"
    assert (told["metadata"]["component"]["name"], told["metadata"]["component"]["type"]) == (sbom.OWN, "application")


def test_it_says_what_the_lock_says(document: str) -> None:
    """Every name, version and hash; no more and no less."""
    locked = sbom.locked(LOCK)
    assert sbom.listed(document) == locked
    assert len(locked) == sum(line[:1].isalnum() for line in LOCK.splitlines())
    assert all(digests for _, digests in locked.values())


def test_the_same_lock_gives_the_same_bytes(document: str) -> None:
    """So that a difference between two of them is a difference of what is inside."""
    assert sbom.render() == document


@pytest.mark.parametrize(
    ("old", "new"), [("starlette==", "starlette==0."), ("\nclick==", "\nclack=="), ("sha256:1", "sha256:2")]
)
def test_a_difference_shows(document: str, old: str, new: str) -> None:
    """In a version, a name or a hash."""
    assert old in LOCK
    assert sbom.listed(document) != sbom.locked(LOCK.replace(old, new, 1))
