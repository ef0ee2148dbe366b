"""What the webhook stands on, played: store and registry, the table of errors, the log."""

import asyncio
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any

import orjson

from domain.errors import PageInboxError
from domain.event import Notice, Outcome, Settle, Storable
from domain.ids import PageId, ShopId


class FakeShop:
    """Store and registry in one: knows every Page, stores all, or fails."""

    def __init__(self) -> None:
        self.stored: list[Storable] = []
        self.fails: BaseException | None = None
        self.hangs = False

    def tell(self, notices: Sequence[Notice], /) -> None:
        """Nobody listens."""

    async def owner(self, _page: PageId) -> ShopId | None:
        """Always the same."""
        return ShopId("sokha")

    def put_soon(self, _shop: ShopId, messages: Sequence[Storable], settle: Settle) -> None:
        """Store, and tell at once; or never."""
        if self.fails is not None:
            raise self.fails
        if not self.hangs:
            self.stored += messages
            settle(["stored"] * len(messages))

    def admit(self) -> None:
        """There is always room."""

    async def put(self, _shop: ShopId, events: Sequence[Storable]) -> list[Outcome]:
        """Store."""
        if self.fails is not None:
            raise self.fails
        if self.hangs:
            await asyncio.Event().wait()
        self.stored += events
        return ["stored"] * len(events)


def error_answer(error: PageInboxError, request_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Stands in for the table of `api/errors.py`."""
    status = {"unauthenticated": 401, "invalid": 400, "too_large": 413, "forbidden": 403, "unavailable": 503}
    told = orjson.dumps({"reason": error.reason, "request_id": request_id})
    return status[error.kind], [(b"content-length", b"%d" % len(told))], told


class FakeLines:
    """Keeps lines, whole."""

    def __init__(self, lines: list[MutableMapping[str, Any]]) -> None:
        self._lines = lines

    def part(self, facts: Mapping[str, Any], /) -> bytes:
        """As JSON."""
        return orjson.dumps(facts)

    def write(self, lines: Iterable[tuple[bytes, MutableMapping[str, Any]]], /) -> None:
        """No key is told twice."""
        for part, own in lines:
            shared = orjson.loads(part)
            assert not shared.keys() & own.keys()
            self._lines.append(shared | own)
