"""Marks tell a store in which no Page was ever connected from one that has lost its Pages.

The registry (cache/registry/registry.py) is no cache: a server that comes back empty, restarted without its file or
replaced by an empty replica, would have every delivery answered 200 as if nobody had connected its Page. So permanent
keys, the marks, are written before the first Page is connected. All of them hold the same word, which is drawn once for
an installation:

    new:<word>    the first mark alone: the others are being written
    <word>        all is there
    lost:<word>   a process that had seen the marks has found them gone, and tells those that had not

In a cluster each node may lose what it has, so marks are spread over all slots. Every process remembers the word; where
a mark is missing or holds another one, nobody is told "there is no such thing" until an operator has restored the keys
or has said that what is left is all (`accept`). Nothing is restored from what processes remember of Pages: they know
neither what was paused nor what was blocked meanwhile (docs/adr/0019).
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from cache.errors import Unavailable
from cache.keys import mark_keys
from cache.server.connection import Connection

LOOK_SECONDS: Final = 5.0
"""How often every process looks at the marks. Whoever finds nothing looks at once, so this only bounds how long a
process that has just been started may know nothing of a loss that no delivery has met yet."""

NEW: Final = b"new:"
LOST: Final = b"lost:"


class Marks:
    """Remembers the word. `new_word` draws one. Every method raises `Unavailable` when Redis is."""

    def __init__(self, connection: Connection, *, new_word: Callable[[], str]) -> None:
        self._connection = connection
        self._new_word = new_word
        self._keys = mark_keys() if connection.clustered else mark_keys()[:1]
        self._word: bytes | None = None
        self._lost = False

    async def write_first(self) -> None:
        """Write the marks where there are none. To be called before a Page is connected, and where one was found: an
        installation may be older than its marks.
        """
        if self._word is not None:
            return
        first, *others = self._keys
        if await self._get(first) is None and any(await self._all(others)):
            return  # lost, not new: whoever misses something is told so
        await self._connection.command("SET", first, NEW + self._new_word().encode(), "NX")
        told = await self._get(first)
        if told is None or told.startswith(LOST):
            return
        word = told.removeprefix(NEW)
        if told != word:
            await self._connection.commands_at_once([("SET", key, word) for key in others])
            await self._connection.command("SET", first, word)
        self._word = word

    async def require(self, *, connected: bool = False) -> None:
        """Return where nothing was lost, and remember the word. `connected` also asks that a Page was ever connected:
        a store that never had one may be the wrong one.

        Raises:
            Unavailable: `registry_lost`, or `no_page_connected`.
        """
        told = await self._all(self._keys)
        first = told[0]
        if self._word is None and not any(told):
            # keeps: a Redis without Pages takes no message
            if connected:
                raise Unavailable("no_page_connected", "No Page was ever connected in this Redis.")
            return
        if first is None or first.startswith(LOST):
            await self._refuse(told)
        word = first.removeprefix(NEW)
        if self._word not in {None, word} and not self._lost:
            await self._refuse(told)
        if word == first:
            if set(told) != {first}:
                await self._refuse(told)
            self._word, self._lost = word, False

    async def _refuse(self, told: Sequence[bytes | None]) -> NoReturn:
        """Tell the others by the first mark. Where that one says `lost` already, another word may follow it."""
        known = next((mark.removeprefix(NEW).removeprefix(LOST) for mark in told if mark), b"")
        self._word = self._word or known
        if told[0] is None or not told[0].startswith(LOST):
            with suppress(Unavailable):  # a full server tells nobody; this process knows all the same
                await self._connection.command("SET", self._keys[0], LOST + self._word)
        self._lost = True
        raise Unavailable(
            "registry_lost",
            "Redis has lost Pages that were connected: the operator must restore them, or say that they are gone.",
        )

    async def whole(self) -> bool:
        """Whether nothing was lost, as far as is known: a server that cannot be asked is another matter."""
        with suppress(Unavailable):
            await self.require()
        return not self._lost

    async def accept(self) -> None:
        """What is there now is all there is: nothing counts as lost from now on, in any process."""
        told = await self._get(self._keys[0])
        word = (told or self._new_word().encode()).removeprefix(NEW).removeprefix(LOST)
        await self._connection.commands_at_once([("SET", key, word) for key in self._keys[1:]])
        await self._connection.command("SET", self._keys[0], word)
        self._word, self._lost = word, False

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look again and again, so that this process knows the word before anything is lost, and what became of it."""
        while True:
            await self.whole()  # /readyz tells
            await sleep(LOOK_SECONDS)

    async def _get(self, key: bytes) -> bytes | None:
        told: bytes | None = await self._connection.command("GET", key)
        return told

    async def _all(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return await self._connection.commands_at_once([("GET", key) for key in keys])
