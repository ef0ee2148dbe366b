"""Copies everything to another Redis, a single server or a cluster, and compares both afterwards.

Each key is copied in the form of DUMP, with its expiry time (deadline), exact to the millisecond. Then the content of
every key is read from both servers and compared. Keys that only running processes use are not copied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cache.backup.records import Progress, digests
from cache.errors import Unavailable
from cache.keys import BEAT, KEPT, MARK, PROBE, SWEEPER_LOCK
from cache.registry.marks import Marks
from cache.server.connection import Connection
from cache.server.scan import scan_keys
from domain.errors import PageInboxError

AT_ONCE: Final = 50
"""Keys that are copied in one round trip. If a large key makes the call too slow, the keys are copied one by one."""
LEFT_OUT: Final = (BEAT, PROBE, SWEEPER_LOCK, KEPT)
ENDS_SOON: Final = 60_000
"""Milliseconds. A key that expires within this time may be missing on one side, because the clocks differ."""


class CopyRefused(PageInboxError):
    """Raised when a copy is not possible. The sentence gives the reason."""

    def __init__(self, sentence: str) -> None:
        super().__init__("copy_refused", sentence)


@dataclass(frozen=True, slots=True)
class Compared:
    """The number of keys that were compared, and the number of them that differ or are missing."""

    keys: int
    different: int


class Copy:
    """Copies from `source` to `target`. `now` returns Unix milliseconds. `marks` are the marks of the target.

    Every method raises `Unavailable` when the source or the target is unavailable.
    """

    def __init__(self, source: Connection, target: Connection, marks: Marks, *, now: Callable[[], int]) -> None:
        self._source = source
        self._target = target
        self._marks = marks
        self._now = now

    async def run(self, progress: Progress) -> int:
        """Copy every key, write the target's marks, and return how many keys were copied. A cluster has more marks than
        a single server.

        Raises:
            CopyRefused: the target is not empty, or cannot read the dumps of the source.
        """
        async for keys in scan_keys(self._target):
            if any(not key.startswith(LEFT_OUT) for key in keys):
                raise CopyRefused("The Redis that --to names is not empty: name an empty one.")
        copied = 0
        async for keys in scan_keys(self._source):
            wanted = [key for key in keys if not key.startswith(LEFT_OUT)]
            for first in range(0, len(wanted), AT_ONCE):
                copied += await self._copy(wanted[first : first + AT_ONCE])
            progress(len(keys))
        await self._marks.accept()
        return copied

    async def _copy(self, keys: list[bytes]) -> int:
        try:
            found = await self._source.commands_at_once(
                [command for key in keys for command in (("DUMP", key), ("PEXPIRETIME", key))]
            )
            there = [
                (key, dump, deadline)
                for key, dump, deadline in zip(keys, found[::2], found[1::2], strict=True)
                if dump is not None
            ]
            await self._target.commands_at_once(
                [("RESTORE", key, max(0, deadline), dump, "REPLACE", "ABSTTL") for key, dump, deadline in there]
            )
        except Unavailable as error:
            if error.reason == "redis_timeout" and len(keys) > 1:
                return sum([await self._copy([key]) for key in keys])
            if error.reason == "redis_refused":
                raise CopyRefused(
                    "The Redis that --to names refuses the data: it must be as new as the source, and of the same kind "
                    "(Redis or Valkey)."
                ) from None
            raise
        return len(there)

    async def compare(self, progress: Progress) -> Compared:
        """Compare the content and expiry time of every key of the source with the same key of the target."""
        compared = different = 0
        async for keys in scan_keys(self._source):
            wanted = [key for key in keys if not key.startswith((*LEFT_OUT, MARK))]
            for first in range(0, len(wanted), AT_ONCE):
                some = wanted[first : first + AT_ONCE]
                here, there = await digests(self._source, some), await digests(self._target, some)
                unequal = [key for key, one, other in zip(some, here, there, strict=True) if one != other]
                different += len(unequal) - await self._ending(unequal)
                compared += len(some)
            progress(len(keys))
        return Compared(compared, different)

    async def _ending(self, keys: list[bytes]) -> int:
        """Returns how many keys have expired, or expire so soon that they may be missing on one side."""
        soon = self._now() + ENDS_SOON
        deadlines = await self._source.commands_at_once([("PEXPIRETIME", key) for key in keys])
        return sum(deadline == -2 or 0 < deadline < soon for deadline in deadlines)
