"""The file of a backup."""

import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cache.backup.file import BackupRefused, BackupWriter
from cache.backup.records import BackupPart
from cache.sealing import Sealer
from tests.service import SEAL_KEY


@contextmanager
def small_files() -> Iterator[None]:
    """Limit this process to files of 100 bytes, as on a full disk. The log of the test runner is such a file too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_raises_a_clear_error_and_leaves_no_file(tmp_path: Path) -> None:
    """The error is also raised if the disk is full only at the end, because earlier writes were buffered."""
    path = tmp_path / "backup"
    sealer = Sealer([SEAL_KEY], new_nonce=secrets.token_bytes)
    with BackupWriter(path, sealer, new_bytes=secrets.token_bytes) as file:
        file.write(BackupPart(b"shop:sokha", "string", -1, [(b"", secrets.token_bytes(200))]))
        with small_files(), pytest.raises(BackupRefused, match=r"cannot be written: File too large"):
            file.finish()
    assert list(tmp_path.iterdir()) == []
