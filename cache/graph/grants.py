"""Which person granted which Page's token, so that a person who removes the app, or asks for deletion, finds their
Pages.

A person is an app-scoped id. Only a keyed hash of it is kept, with a key made from `SEAL_KEYS`: someone with a copy of
Redis cannot find a person by trying ids. The first key makes the hash, and all keys are tried. The daily check of a
Page writes the hash again with the first key.
"""

import hmac
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from cache.keys import WATCH_GRANTED, WATCH_SECONDS
from cache.scripts import GRANT
from cache.server.connection import Connection
from domain.ids import PageId
from domain.secret import Secret

TAG_BYTES: Final = 16
SAME_MOMENT_MS: Final = 5_000
"""How much Facebook's clock and ours may differ. With more, a late or repeated request would end what was granted after
it."""


class Grants:
    """Who granted what. `keys` are those of the seal, in base64; times are Unix milliseconds. Every method raises
    `Unavailable` when Redis is.
    """

    def __init__(self, connection: Connection, keys: Sequence[Secret]) -> None:
        self._connection = connection
        self._keys = tuple(
            hmac.digest(b64decode(key.reveal()), b"page-inbox who granted a page", "sha256") for key in keys
        )

    async def granted(self, page: PageId, person: str | None, at_ms: int, /) -> None:
        """This person granted the Page's token now; None if it is unknown who did."""
        await self._note(page, person, at_ms, keep=0)

    async def still_granted(self, page: PageId, person: str, at_ms: int, /) -> None:
        """This person granted the Page's token: at the recorded time, or now if none is recorded."""
        await self._note(page, person, at_ms, keep=1)

    async def pages_of(self, person: str, until_ms: int, /) -> list[PageId]:
        """The Pages whose tokens this person granted up to that moment."""
        tags, found = {tag.encode() for tag in self._tags(person)}, []
        async for some in self._connection.scan_hash(WATCH_GRANTED):
            for page, granted in some.items():
                tag, _, at = granted.partition(b" ")
                if tag in tags and int(at) <= until_ms + SAME_MOMENT_MS:
                    found.append(PageId(page.decode()))
        return found

    async def page_until(self, page: PageId, until_ms: int, /) -> list[PageId]:
        """The Page itself, unless its token was granted after that moment."""
        granted = await self._connection.command("HGET", WATCH_GRANTED, page)
        late = granted is not None and int(granted.partition(b" ")[2]) > until_ms + SAME_MOMENT_MS
        return [] if late else [page]

    async def _note(self, page: PageId, person: str | None, at_ms: int, *, keep: int) -> None:
        tags = [] if person is None else self._tags(person)
        await self._connection.run(GRANT([WATCH_GRANTED], [WATCH_SECONDS, page, at_ms, keep, *tags]), tries=2)

    def _tags(self, person: str) -> list[str]:
        return [hmac.digest(key, person.encode(), "sha256")[:TAG_BYTES].hex() for key in self._keys]
