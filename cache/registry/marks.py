"""Marks distinguish a Redis in which no Page was ever connected from a Redis that has lost its Pages.

The registry (cache/registry/registry.py) is not a cache. Suppose Redis is empty after a restart without its file.
Without marks, the service would answer 200 to every delivery, as for a Page that no shop has connected. So the service
writes special keys, the marks, before it connects the first Page. The marks never expire, and all contain one random
word of the installation:

    new:<word>    in the first mark only: the others are not written yet
    <word>        all marks are written
    lost:<word>   a process that knew the word has found marks missing; this tells the other processes

In a cluster each node can lose its keys, so the marks are spread over all slots. Every process remembers the word. If a
mark is missing or has another word, every "not found" becomes an error. An operator ends this by restoring the keys or
by accepting the loss (`accept`). Processes do not restore Pages from their memory, because they do not know what was
paused or blocked meanwhile (docs/adr/0019).
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from cache.errors import Unavailable
from cache.keys import mark_keys
from cache.server.connection import Connection

LOOK_SECONDS: Final = 5.0
"""Time between two checks of the marks. A lookup that finds nothing also checks the marks, so this time matters only
for a process that has just started."""

NEW: Final = b"new:"
LOST: Final = b"lost:"


class Marks:
    """Remembers the word. `new_word` returns a new word. Every method raises `Unavailable` when Redis is
    unavailable."""

    def __init__(self, connection: Connection, *, new_word: Callable[[], str]) -> None:
        self._connection = connection
        self._new_word = new_word
        self._keys = mark_keys(clustered=connection.clustered)
        self._word: bytes | None = None
        self._lost = False

    async def write_first(self) -> None:
        """Write the marks if there are none. Called before a Page is connected, and when a Page is found, because the
        installation may have Pages from a time before its marks.
        """
        if self._word is not None:
            return
        first, *others = self._keys
        if await self._get(first) is None and any(await self._all(others)):
            return  # lost, not new: the next lookup that finds nothing raises an error
        await self._connection.command("SET", first, NEW + self._new_word().encode(), "NX")
        found = await self._get(first)
        if found is None or found.startswith(LOST):
            return
        word = found.removeprefix(NEW)
        if found != word:
            await self._connection.commands_at_once([("SET", key, word) for key in others])
            await self._connection.command("SET", first, word)
        self._word = word

    async def require(self, *, connected: bool = False) -> None:
        """Return if nothing was lost, and remember the word. With `connected`, at least one Page must have been
        connected at some time, because a Redis without any Page may be the wrong Redis.

        Raises:
            Unavailable: `registry_lost`, or `no_page_connected`.
        """
        found = await self._all(self._keys)
        first = found[0]
        if self._word is None and not any(found):
            # keeps: a Redis without Pages takes no message
            if connected:
                raise Unavailable("no_page_connected", "No Page was ever connected in this Redis.")
            return
        if first is None or first.startswith(LOST):
            await self._refuse(found)
        word = first.removeprefix(NEW)
        if self._word not in {None, word} and not self._lost:
            await self._refuse(found)
        if word == first:
            if set(found) != {first}:
                await self._refuse(found)
            self._word, self._lost = word, False

    async def _refuse(self, found: Sequence[bytes | None]) -> NoReturn:
        """Record the loss in the first mark, unless this mark already says `lost`. Raises `Unavailable`."""
        known = next((mark.removeprefix(NEW).removeprefix(LOST) for mark in found if mark), b"")
        self._word = self._word or known
        if found[0] is None or not found[0].startswith(LOST):
            with suppress(Unavailable):  # a full server refuses this write; this process raises in any case
                await self._connection.command("SET", self._keys[0], LOST + self._word)
        self._lost = True
        raise Unavailable(
            "registry_lost",
            "Redis has lost Pages that were connected: the operator must restore them, or accept the loss.",
        )

    async def whole(self) -> bool:
        """Returns whether no loss is known. Also True while Redis cannot be read."""
        with suppress(Unavailable):
            await self.require()
        return not self._lost

    async def accept(self) -> None:
        """Accept the loss: from now on, no process reports Pages as lost."""
        found = await self._get(self._keys[0])
        word = (found or self._new_word().encode()).removeprefix(NEW).removeprefix(LOST)
        await self._connection.commands_at_once([("SET", key, word) for key in self._keys[1:]])
        await self._connection.command("SET", self._keys[0], word)
        self._word, self._lost = word, False

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Check the marks regularly, so that this process knows the word before a loss."""
        while True:
            await self.whole()
            await sleep(LOOK_SECONDS)

    async def _get(self, key: bytes) -> bytes | None:
        found: bytes | None = await self._connection.command("GET", key)
        return found

    async def _all(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return await self._connection.commands_at_once([("GET", key) for key in keys])
