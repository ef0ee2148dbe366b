"""The memory of a process, including freed memory."""

import re
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import Final

import pytest

_STEP: Final = 16 * 1024 * 1024
_LONGEST: Final = 4096
"""Bytes of the longest needle. Parts of the memory overlap by this number."""
_WRITABLE: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw")


def memory_of(pid: int) -> Iterator[bytes]:
    """Yields all writable memory in parts. Skips the test if the system does not allow the read."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for line in maps.splitlines():
                if found := _WRITABLE.match(line):
                    yield from _parts(memory, *(int(part, 16) for part in found.groups()))
    except PermissionError as error:
        pytest.skip(f"the memory of another process cannot be read here: {error.strerror}")


def _parts(memory: FileIO, at: int, end: int) -> Iterator[bytes]:
    while at < end:
        try:
            memory.seek(at)
            part = memory.read(min(_STEP, end - at))
        except OSError:
            return  # freed since the list was made, or not readable
        if not part:
            return
        yield part
        at += len(part) if at + len(part) >= end else max(1, len(part) - _LONGEST)


def found_in_memory(pid: int, needles: Iterable[bytes]) -> set[bytes]:
    """Returns the needles that the memory contains."""
    wanted = set(needles)
    found: set[bytes] = set()
    for part in memory_of(pid):
        found |= {needle for needle in wanted - found if needle in part}
    return found
