"""A journal of purges on this machine's disk. It still has all purges when Redis restarts with older data.

Each purge adds one encrypted line. The line is on disk before the purge is answered. Each process writes its own file
for each day, so that processes and replicas can share a directory, also over a network. Every process reads all files.
A line has the data that `hide.lua` and `erase.lua` need to repeat the purge. It has no content, and ids of persons only
as keyed hashes.
"""

import asyncio
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

import orjson
import structlog

from cache.errors import SealBroken, Unavailable
from cache.keys import MAX_TTL_SECONDS
from cache.sealing import Sealer
from domain.ids import ShopId
from domain.purge import PurgeTarget

SUFFIX: Final = ".purges"
PURPOSE: Final = "purge-journal"
NO_SHOP: Final = ShopId("")
"""Lines are encrypted without a shop, because the name of the shop is encrypted too."""

TARGETS: Final[dict[str, PurgeTarget]] = {name: name for name in get_args(PurgeTarget)}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One purge. `at` is its watermark or its time in microseconds. `tag` and `ids` are hexadecimal.

    A purge that disconnects a Page has `page` and `claim`. A purge of single messages has `ids` and `deleted`.
    """

    shop: str
    purge: str
    what: PurgeTarget
    at: int
    by: str
    tag: str = ""
    page: str = ""
    claim: str = ""
    ids: tuple[str, ...] = ()
    deleted: int = 0


class PurgeJournal:
    """The journal in a directory. This process's files have `process` in their names. `now` returns Unix seconds."""

    def __init__(self, directory: Path, sealer: Sealer, *, process: str, now: Callable[[], float]) -> None:
        self._directory = directory
        self._sealer = sealer
        self._process = process
        self._now = now
        self._one_at_a_time = asyncio.Lock()

    async def append(self, entry: JournalEntry) -> None:
        """Write a purge. When this returns, the purge is on disk.

        Raises:
            Unavailable: `purge_journal_failed`.
            SealKeysMissing: there is no key to encrypt the line with.
        """
        plain = orjson.dumps({name: value for name, value in asdict(entry).items() if value})
        sealed = self._sealer.seal(plain, shop=NO_SHOP, purpose=PURPOSE, place="")
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(self._write, b"\n" + b64encode(sealed) + b"\n")
            except OSError:
                raise Unavailable("purge_journal_failed", "The purge is done, and could not be noted.") from None

    def _write(self, line: bytes) -> None:
        day = datetime.fromtimestamp(self._now(), UTC).date()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{day}-{self._process}{SUFFIX}"
        new = not path.exists()
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if new and os.geteuid() == 0:  # the service must be able to read what an administrator's command wrote
                owner = self._directory.stat()
                os.fchown(file, owner.st_uid, owner.st_gid)
            if os.write(file, line) < len(line):  # the next line starts with a newline, so it stays readable
                raise OSError
            os.fsync(file)
        finally:
            os.close(file)
        if new:
            _sync(self._directory)  # otherwise a crash of the machine may lose the file's name
            self._forget_old()

    def _forget_old(self) -> None:
        """Remove the files whose purges are too old: the purged messages have expired in every copy of the data."""
        oldest = str(datetime.fromtimestamp(self._now(), UTC).date() - timedelta(seconds=MAX_TTL_SECONDS + 86_400))
        for path in self._directory.glob(f"*{SUFFIX}"):
            if path.name < oldest:
                path.unlink(missing_ok=True)

    def read(self) -> list[JournalEntry]:
        """Returns the purges of all processes in the last five days, the oldest first. Logs how many lines are
        unreadable. Removes older files.

        The last line of a file may be incomplete. The purge of such a line was not answered.

        Raises:
            Unavailable: `purge_journal_failed`.
        """
        since = int((self._now() - MAX_TTL_SECONDS) * 1_000_000)
        found: list[JournalEntry] = []
        unreadable = 0
        with suppress(OSError):  # a process that may only read the directory must still be able to read the journal
            self._forget_old()
        try:
            for path in self._files():
                *lines, _cut = path.read_bytes().split(b"\n")
                for line in filter(None, lines):
                    try:
                        found.append(self._open(line))
                    except (SealBroken, ValueError, TypeError, KeyError):
                        unreadable += 1
        except OSError:
            raise Unavailable("purge_journal_failed", "The journal of purges cannot be read.") from None
        if unreadable:
            log.error("purge_journal_unreadable", lines=unreadable)
        return sorted((entry for entry in found if entry.at >= since), key=lambda entry: entry.at)

    def _files(self) -> list[Path]:
        """Lists the files. Unlike `Path.glob`, this raises PermissionError, because an unreadable journal must not
        count as empty."""
        try:
            return sorted(path for path in self._directory.iterdir() if path.name.endswith(SUFFIX))
        except FileNotFoundError:  # no purge yet
            return []

    def _open(self, line: bytes) -> JournalEntry:
        plain = self._sealer.open(b64decode(line, validate=True), shop=NO_SHOP, purpose=PURPOSE, place="")
        fields = orjson.loads(plain)
        return JournalEntry(**{**fields, "what": TARGETS[fields["what"]], "ids": tuple(fields.get("ids", ()))})


def _sync(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
