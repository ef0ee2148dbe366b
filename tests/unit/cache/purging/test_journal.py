"""The journal of purges: for five days, every process reads the purges that any process has written. Damaged lines
are logged.
"""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from structlog.testing import capture_logs

from cache.purging.journal import JournalEntry, PurgeJournal
from cache.sealing import Sealer
from tests.service import SEAL_KEY

NOON = 1_770_000_000.0
DAY = 86_400


def journal(directory: Path, process: str = "one", at: float = NOON) -> PurgeJournal:
    """Returns a journal as a process has it."""
    return PurgeJournal(directory, Sealer([SEAL_KEY], new_nonce=secrets.token_bytes), process=process, now=lambda: at)


def entry(purge: str, at: float = NOON) -> JournalEntry:
    """Returns a purge of one message."""
    return JournalEntry("sokha", purge, "message", int(at * 1_000_000), "owner", ids=("0a", "0b"), deleted=1)


def files(directory: Path) -> list[Path]:
    """Returns the files on the disk."""
    return sorted(directory.iterdir())


async def test_every_process_reads_the_purges_of_all_processes_oldest_first(tmp_path: Path) -> None:
    """All processes write into one directory."""
    first, second = entry("p-1", NOON - 60), entry("p-2")
    await journal(tmp_path / "new", "two").append(second)
    await journal(tmp_path / "new", "one").append(first)
    assert journal(tmp_path / "new", "three").read() == [first, second]


async def test_a_purge_older_than_five_days_is_not_read_and_its_file_is_removed(tmp_path: Path) -> None:
    """The messages that such a purge hides have expired."""
    await journal(tmp_path).append(entry("p-old"))
    later = NOON + 5 * DAY + 60
    assert journal(tmp_path, at=later).read() == []
    assert journal(tmp_path, at=later + 2 * DAY).read() == []
    assert files(tmp_path) == []
    await journal(tmp_path, at=later + 2 * DAY).append(entry("p-new", later + 2 * DAY))
    (file,) = files(tmp_path)
    assert [one.purge for one in journal(tmp_path, at=later + 2 * DAY).read()] == ["p-new"]
    assert b"sokha" not in file.read_bytes()


async def test_an_incomplete_line_does_not_damage_other_lines(tmp_path: Path) -> None:
    """A full disk leaves half a line. The service has not answered the purge of this line as done."""
    await journal(tmp_path).append(entry("p-1"))
    (file,) = files(tmp_path)
    with file.open("ab") as opened:
        opened.write(b"\nAbCd")
    assert [one.purge for one in journal(tmp_path).read()] == ["p-1"]
    await journal(tmp_path).append(entry("p-2"))
    with capture_logs() as logged:
        assert [one.purge for one in journal(tmp_path).read()] == ["p-1", "p-2"]
    assert [line["event"] for line in logged] == ["purge_journal_unreadable"]


def test_a_directory_that_is_not_there_holds_no_purge(tmp_path: Path) -> None:
    """Before the first purge, the directory does not exist."""
    assert journal(tmp_path / "nothing").read() == []


async def test_an_unknown_purge_of_a_newer_version_is_skipped(tmp_path: Path) -> None:
    """A newer version may have written such a line, before the operator returned to this version."""
    await journal(tmp_path).append(replace(entry("p-1"), what=cast(Any, "something new")))
    await journal(tmp_path).append(entry("p-2"))
    with capture_logs() as logged:
        assert [one.purge for one in journal(tmp_path).read()] == ["p-2"]
    assert [line["event"] for line in logged] == ["purge_journal_unreadable"]
