"""Answers a shop's audit log."""

from typing import Protocol

from starlette.responses import Response

from api.answers import audit_entry_answer
from api.call import AuthorizedCall, answer
from api.models import AuditModel
from api.params import AuditQuery
from domain.audit import Entry
from domain.ids import ShopId
from domain.query import Slice


class AuditReader(Protocol):
    """Reads a shop's audit log."""

    async def entries(self, shop: ShopId, /, *, limit: int, cursor: str | None) -> Slice[Entry]:
        """Returns entries, newest first."""
        ...


class Audit:
    """The handlers."""

    def __init__(self, reader: AuditReader) -> None:
        self._reader = reader

    async def list(self, call: AuthorizedCall) -> Response:
        """GET audit"""
        query = call.query_as(AuditQuery)
        found = await self._reader.entries(call.shop, limit=query.limit, cursor=query.cursor)
        entries = [audit_entry_answer(entry) for entry in found.items]
        return answer(AuditModel(entries=entries, next_cursor=found.next_cursor))
