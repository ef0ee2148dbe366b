"""Records the person who granted each Page's token. If a person removes the app or asks for deletion, their Pages are
found with this record.

Facebook names a person by an app-scoped id. The store keeps only a keyed hash of this id, with a key made from
`SEAL_KEYS`. So it is useless to try ids against a copy of Redis. The first key makes the hash. A search uses all keys.
The daily check of a Page writes the hash again with the first key.
"""

import hmac
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from cache.keys import WATCH_GRANTED, WATCH_SECONDS
from cache.scripts import GRANT
from cache.server.connection import Connection
from cache.server.scan import scan_hash
from domain.ids import PageId
from domain.secret import Secret

TAG_BYTES: Final = 16
SAME_MOMENT_MS: Final = 5_000
"""Milliseconds by which Facebook's clock and this machine's clock may differ. With a larger value, a late or repeated
request would also end a grant that came after the request."""


class Grants:
    """The grants of all Pages. `keys` are SEAL_KEYS, in base64. Times are Unix milliseconds. Every method raises
    `Unavailable` when Redis is unavailable.
    """

    def __init__(self, connection: Connection, keys: Sequence[Secret]) -> None:
        self._connection = connection
        self._keys = tuple(
            hmac.digest(b64decode(key.reveal()), b"page-inbox who granted a page", "sha256") for key in keys
        )

    async def granted(self, page: PageId, person: str | None, at_ms: int, /) -> None:
        """Record that this person granted the Page's token at this time. `person` is None for an unknown person."""
        await self._note(page, person, at_ms, keep=0)

    async def still_granted(self, page: PageId, person: str, at_ms: int, /) -> None:
        """Record that this person granted the Page's token. If a time is recorded for this person, it stays. Else the
        time is `at_ms`."""
        await self._note(page, person, at_ms, keep=1)

    async def pages_of(self, person: str, until_ms: int, /) -> list[PageId]:
        """Returns the Pages whose tokens this person granted up to this moment."""
        tags, found = {tag.encode() for tag in self._tags(person)}, []
        async for some in scan_hash(self._connection, WATCH_GRANTED):
            for page, granted in some.items():
                tag, _, at = granted.partition(b" ")
                if tag in tags and int(at) <= until_ms + SAME_MOMENT_MS:
                    found.append(PageId(page.decode()))
        return found

    async def page_until(self, page: PageId, until_ms: int, /) -> list[PageId]:
        """Returns a list with the Page; an empty list if its token was granted after this moment."""
        granted = await self._connection.command("HGET", WATCH_GRANTED, page)
        late = granted is not None and int(granted.partition(b" ")[2]) > until_ms + SAME_MOMENT_MS
        return [] if late else [page]

    async def _note(self, page: PageId, person: str | None, at_ms: int, *, keep: int) -> None:
        tags = [] if person is None else self._tags(person)
        await self._connection.run(GRANT([WATCH_GRANTED], [WATCH_SECONDS, page, at_ms, keep, *tags]), tries=2)

    def _tags(self, person: str) -> list[str]:
        return [hmac.digest(key, person.encode(), "sha256")[:TAG_BYTES].hex() for key in self._keys]
