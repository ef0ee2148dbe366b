"""Exports the stored data of a shop as lines of JSON: its Pages, receipts, audit log, messages and marks. Blocked
conversations, the list of labels and waiting edits are not exported. The data are not collected in memory: each step
reads a few messages, and the next step waits until the caller has taken them. The first step is done before the answer
begins, so an unavailable store gives a 503. If the store fails later, the answer is cut off. Only an export with an
`end` line is complete.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import Final, Protocol, TypeVar

import orjson
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api.answers import (
    audit_entry_answer,
    json_of,
    marked_answer,
    message_json,
    page_answer,
    pause_members,
    receipt_answer,
)
from api.at_once import AtOnce
from api.call import NO_STORE, AuthorizedCall
from api.line_ends import on_one_line
from api.phones import in_message
from api.shops import Registry
from domain import limits
from domain.audit import Entry
from domain.errors import PageInboxError
from domain.ids import ShopId
from domain.kept import KeptMessage, StaffMark
from domain.moment import rfc3339
from domain.purge import Receipt
from domain.turn import Turns

MEDIA: Final = "application/x-ndjson"

_HEADERS: Final = {**NO_STORE, "Content-Disposition": 'attachment; filename="page-inbox-export.ndjson"'}

PATIENCE_SECONDS: Final = 60.0
"""Seconds after which the export is cut off if the caller reads nothing."""

RETRY_SECONDS: Final = 30
"""Seconds after which a shop with too many exports may ask again."""

Part = TypeVar("Part", covariant=True)

log = structlog.get_logger()


class MessageWalker(Protocol):
    """Reads all stored messages of a shop."""

    async def count(self, shop: ShopId, /) -> int:
        """Returns the number of messages, or a few more."""
        ...

    def walk(self, shop: ShopId, /) -> AsyncIterator[list[KeptMessage]]:
        """Yields all messages, oldest first, some at a time."""
        ...


class Walker(Protocol[Part]):
    """Reads everything of one kind that is kept of a shop."""

    def walk(self, shop: ShopId, /) -> AsyncIterator[Part]:
        """Yields all parts. Receipts and audit entries come oldest first."""
        ...


class Exporter:
    """Reads the data of a shop. `now` is in milliseconds."""

    def __init__(
        self,
        registry: Registry,
        receipts: Walker[Receipt],
        audit: Walker[list[Entry]],
        messages: MessageWalker,
        marks: Walker[list[StaffMark]],
        *,
        now: Callable[[], int],
        turns: Turns,
    ) -> None:
        self._registry = registry
        self._receipts = receipts
        self._audit = audit
        self._messages = messages
        self._marks = marks
        self._now = now
        self._turns = turns
        self._exports = AtOnce(
            limits.EXPORTS_AT_ONCE,
            "too_many_exports",
            f"This shop has {limits.EXPORTS_AT_ONCE} exports under way; wait until one has ended.",
            retry_after=RETRY_SECONDS,
        )

    async def parts(self, shop: ShopId) -> AsyncIterator[bytes]:
        """Yields whole lines, some at a time: shop, Pages, receipts, the audit log, messages, marks, the end."""
        state = await self._registry.shop(shop)
        count = await self._messages.count(shop)
        head = {"shop": shop, **pause_members(state), "exported_at": rfc3339(self._now()), "message_count": count}
        yield _line("shop", orjson.dumps(head))
        for page in state.pages:
            yield _line("page", json_of(page_answer(page)))
        async for receipt in self._receipts.walk(shop):
            yield _line("receipt", json_of(receipt_answer(receipt)))
        async for entries in self._audit.walk(shop):
            yield b"".join(_line("audit", json_of(audit_entry_answer(entry))) for entry in entries)
        exported = 0
        async for messages in self._messages.walk(shop):
            exported += len(messages)
            lines = []
            for message in messages:
                if self._turns.over():
                    await self._turns.turn(shop)
                lines.append(_line("message", message_json(message, in_message(message.content))))
            yield b"".join(lines)
        async for marks in self._marks.walk(shop):
            yield b"".join(_line("mark", json_of(marked_answer(mark))) for mark in marks)
        yield _line("end", orjson.dumps({"messages": exported}))

    async def export(self, call: AuthorizedCall) -> Response:
        """GET export"""
        shop = call.shop
        with ExitStack() as running:
            running.enter_context(self._exports.one_more(shop))
            parts = self.parts(shop)
            first = await anext(parts)
            return _Export(_after(first, parts), running.pop_all().close)


def _line(kind: str, item: bytes) -> bytes:
    """Returns a JSON object as a line with the object's `type`."""
    return on_one_line(b'{"type":"%b",%b' % (kind.encode(), item[1:])) + b"\n"


async def _after(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part


class _Export(StreamingResponse):
    """Sends an export. If the store fails or the caller reads nothing, the connection is cut without an `end` line."""

    def __init__(self, parts: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(parts, headers=_HEADERS, media_type=MEDIA)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except PageInboxError as error:
            log.warning("export_cut_off", reason=error.reason)
        except (TimeoutError, ClientDisconnect):
            log.warning("export_cut_off", reason="not_taken")
        finally:
            self._ended()
