"""Tests the SBOM, which is made from the lock file."""

import json

from tests.image import sbom

LOCK = sbom.LOCK.read_text(encoding="utf-8")


def test_the_sbom_is_a_cyclonedx_document_with_the_contents_of_the_lock_file() -> None:
    """It has every name, version and hash, and nothing else. The same lock gives the same bytes, and any change of the
    lock is a difference. One test asks all of this, because making the list takes a second of processor time.
    """
    document = sbom.render()
    told = json.loads(document)
    assert told["bomFormat"] == "CycloneDX"
    assert (told["metadata"]["component"]["name"], told["metadata"]["component"]["type"]) == (sbom.OWN, "application")
    locked = sbom.locked(LOCK)
    assert sbom.listed(document) == locked
    assert len(locked) == sum(line[:1].isalnum() for line in LOCK.splitlines())
    assert all(digests for _, digests in locked.values())
    for old, new in (("starlette==", "starlette==0."), ("\nclick==", "\nclack=="), ("sha256:1", "sha256:2")):
        assert old in LOCK
        assert sbom.listed(document) != sbom.locked(LOCK.replace(old, new, 1))
    assert sbom.render() == document
