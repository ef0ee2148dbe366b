"""Makes backups of the registry, blocked customers, receipts, purge marks and the watchlist. A backup has no messages.

So a restore cannot bring back purged messages. For each erased message, a backup has the empty value that replaced it,
so that the message is refused when Facebook sends it again. A backup does not have a shop's secret, because with this
secret a reader could decrypt messages in other copies of the data.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from cache.backup.file import BackupRefused, BackupWriter, read_backup
from cache.backup.records import BackupPart, Progress, read_parts, write_commands
from cache.graph.watchlist import Watchlist
from cache.keys import (
    BLOCKED,
    DELETION,
    MAX_TTL_SECONDS,
    MESSAGE,
    PAGE,
    PURGE,
    PURGE_MARK,
    PURGES,
    RECEIPTS,
    SHOP,
    WATCH_COUNTS,
    WATCH_DUE,
    WATCH_EXPIRING,
    WATCH_GRANTED,
    WATCH_STATUS,
    WATCH_UNHEALED,
    mark_keys,
)
from cache.messages.vault import SECRET_FIELD
from cache.purging.replay import PurgeReplay
from cache.registry.marks import Marks
from cache.sealing import Sealer
from cache.server.connection import Connection
from cache.server.scan import scan_keys

PAGES_AT_ONCE: Final = 1000

KEPT: Final = (SHOP, BLOCKED, PURGE, RECEIPTS, DELETION, PURGE_MARK)
WATCH: Final = (WATCH_DUE, WATCH_STATUS, WATCH_COUNTS, WATCH_GRANTED, WATCH_EXPIRING, WATCH_UNHEALED)
AT_ONCE: Final = 100
"""Keys that are read at the same time."""


class Backup:
    """Makes and restores backups. `new_bytes` returns the given number of random bytes, `now` returns Unix
    milliseconds.

    Every method raises `Unavailable` when Redis is unavailable.
    """

    def __init__(
        self,
        connection: Connection,
        sealer: Sealer,
        marks: Marks,
        replay: PurgeReplay | None,
        *,
        new_bytes: Callable[[int], bytes],
        now: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._sealer = sealer
        self._marks = marks
        self._replay = replay
        self._new_bytes = new_bytes
        self._now = now

    async def write(self, path: Path, progress: Progress) -> int:
        """Write a backup and return its number of Pages. The service can run at the same time.

        Raises:
            BackupRefused: the file cannot be written, or there is nothing to back up.
            SealKeysMissing: there is no key to encrypt the backup with.
        """
        pages: list[bytes] = []
        with BackupWriter(path, self._sealer, new_bytes=self._new_bytes) as file:
            async for keys in scan_keys(self._connection):
                pages += [key for key in keys if key.startswith(PAGE)]
                for part in await self._read(await self._kept(keys)):
                    file.write(part)
                progress(len(keys))
            if not pages:
                raise BackupRefused("This Redis has no Page: there is nothing to back up. Is REDIS_URL the right one?")
            # The Pages come last, because deliveries of a Page are stored as soon as the Page is restored.
            for first in range(0, len(pages), PAGES_AT_ONCE):
                for part in await self._read(pages[first : first + PAGES_AT_ONCE]):
                    file.write(part)
            for part in await self._read([*mark_keys(clustered=False)]):
                file.write(part)
            file.finish()
        return len(set(pages))

    async def _kept(self, keys: list[bytes]) -> list[bytes]:
        """Returns the keys that belong in a backup, without Pages and marks."""
        messages = [key for key in keys if key.startswith(MESSAGE)]
        sizes = await self._connection.commands_at_once([("STRLEN", key) for key in messages])
        erased = [key for key, size in zip(messages, sizes, strict=True) if not size]
        return erased + [key for key in keys if key.startswith(KEPT) or key in WATCH or key == PURGES]

    async def _read(self, keys: list[bytes]) -> list[BackupPart]:
        found: list[BackupPart] = []
        for first in range(0, len(keys), AT_ONCE):
            for parts in await asyncio.gather(*(self._parts(key) for key in keys[first : first + AT_ONCE])):
                found += parts
        return found

    async def _parts(self, key: bytes) -> list[BackupPart]:
        parts = [part async for part in read_parts(self._connection, key)]
        if key.startswith(MESSAGE):
            return [part for part in parts if not part.items[0][1]]  # a message may be stored there meanwhile
        if key.startswith(SHOP):
            parts = [replace(part, items=[item for item in part.items if item[0] != SECRET_FIELD]) for part in parts]
        return [part for part in parts if part.items]

    def verify(self, path: Path) -> int:
        """Check a backup and return its number of items. `restore` reports its progress up to this number.

        Raises:
            BackupRefused: the file is not a complete backup, or no key can decrypt it.
        """
        return sum(len(part.items) for block in read_backup(path, self._sealer) for part in block)

    async def restore(self, path: Path, progress: Progress, *, force: bool = False) -> int:
        """Restore a backup into an empty Redis and return the backup's number of Pages. With `force`, Redis may already
        have data, which do not change. After the backup, this repeats the purges of the journal, and makes every Page
        due for healing.

        Raises:
            BackupRefused: the file is not a complete backup, or Redis is not empty.
        """
        _ = self.verify(path)  # nothing of a damaged backup is written
        if not force:
            await self._require_empty()
        pages = 0
        for block in read_backup(path, self._sealer):
            now = self._now()
            wanted = [part for part in block if part.deadline < 0 or part.deadline > now]
            await self._connection.commands_at_once([command for part in wanted for command in write_commands(part)])
            pages += sum(part.key.startswith(PAGE) for part in block)
            progress(sum(len(part.items) for part in block))
        await self._marks.accept()
        if self._replay is not None:
            # Purges with a receipt are repeated too, because they may have been made in the empty Redis, when it had no
            # Pages.
            await self._replay.run(every=True)
        await Watchlist(self._connection).lost_since(self._now() - MAX_TTL_SECONDS * 1000, self._now(), 0)
        return pages

    async def _require_empty(self) -> None:
        async for keys in scan_keys(self._connection):
            messages = [key for key in keys if key.startswith(MESSAGE)]
            sizes = await self._connection.commands_at_once([("STRLEN", key) for key in messages])
            if any(sizes) or any(key.startswith(PAGE) for key in keys):
                raise BackupRefused(
                    "This Redis is not empty: it has Pages or messages. Let REDIS_URL name an empty one, or add "
                    "--force: then what is there stays as it is, and only what is missing is restored."
                )
