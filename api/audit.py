"""Who did what: a shop's audit log."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from api.call import answer_slice, call_of
from api.params import AuditQuery
from domain.cursor import Slice
from domain.ids import ShopId


class AuditReader(Protocol):
    """Reads a shop's audit log; every entry is JSON in the shape the API answers it."""

    async def entries(self, shop: ShopId, /, *, limit: int, cursor: str | None) -> Slice[bytes]:
        """Entries, newest first."""
        ...


class Audit:
    """The handlers."""

    def __init__(self, reader: AuditReader) -> None:
        self._reader = reader

    async def list(self, request: Request) -> Response:
        """GET audit"""
        call = call_of(request)
        query = call.query_as(AuditQuery)
        found = await self._reader.entries(call.shop, limit=query.limit, cursor=query.cursor)
        return answer_slice("entries", found.items, found.next_cursor)
