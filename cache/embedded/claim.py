"""A lock on a data directory, which is held as long as a process may write there."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cache.errors import EmbeddedRefused

HANDOVER_SECONDS: Final = 10.0
"""Longest wait in seconds for a server whose parent has ended. Meanwhile this server writes its last data to disk."""

_POLL_SECONDS: Final = 0.005


def claim(directory: Path) -> int:
    """Lock the directory and return the open lock file. A child process that inherits the file holds the lock too.

    A missing directory is created. Other users get no access to the directory. The lock ends when the last process that
    has the file open ends. If the owner of the lock was killed and its server still runs, this waits. If the owner
    runs, this raises an error. Raises EmbeddedRefused with the reason `directory_unusable` or `directory_in_use`.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedRefused(
            "directory_unusable", f"the data directory {directory} cannot be used: {error.strerror}"
        ) from error
    try:
        _take(lock, directory)
    except BaseException:
        os.close(lock)
        raise
    return lock


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Lock the directory for the time of a `with` block. Raises EmbeddedRefused."""
    lock = claim(directory)
    try:
        yield
    finally:
        os.close(lock)


def _take(lock: int, directory: Path) -> None:
    deadline = time.monotonic() + HANDOVER_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip()
            if _lives(owner) or time.monotonic() > deadline:
                raise EmbeddedRefused(
                    "directory_in_use",
                    f"the data directory {directory} is in use by process {owner or 'unknown'}: stop that one first,"
                    " or choose another DATA_DIR",
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            os.pwrite(lock, f"{os.getpid():<20d}".encode(), 0)
            return


def _lives(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # a process of another user
    return True
