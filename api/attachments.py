"""Fetches the current address of an attachment from Facebook, because the address in a stored message expires."""

from typing import ClassVar

import orjson
from starlette.responses import Response

from api.call import AuthorizedCall, answer_json
from api.graph import GraphReader
from api.messages import MessageReader
from api.params import InvalidRequest
from domain.errors import Kind, PageInboxError
from domain.graph import GraphQuery
from domain.ids import MessageId, PageId

_LONGEST_PLACE = 4
"""Digits of an attachment's number. Facebook sends at most a few dozen pictures in one message."""


class AttachmentNotFound(PageInboxError):
    """The message is kept, but has no such attachment, or Facebook does not show it any more."""

    kind: ClassVar[Kind] = "not_found"

    def __init__(self) -> None:
        super().__init__("attachment_not_found", "This message has no attachment with this number.")


class Attachments:
    """The handler."""

    def __init__(self, messages: MessageReader, graph: GraphReader) -> None:
        self._messages = messages
        self._graph = graph

    async def fetch(self, call: AuthorizedCall) -> Response:
        """GET messages/{id}/attachments/{n}"""
        message, place = MessageId(call.ids["id"]), _place(call.ids["n"])
        kept = orjson.loads((await self._messages.message(call.shop, message)).content)
        if place >= len(kept.get("attachments", ())):
            raise AttachmentNotFound
        found = await self._graph.fetch(call.shop, GraphQuery("attachments", PageId(kept["page_id"]), message))
        if place >= len(found.items) or "url" not in found.items[place]:
            raise AttachmentNotFound
        return answer_json(found.items[place])


def _place(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_PLACE):
        raise InvalidRequest("invalid_parameter", "n: must be the number of an attachment, from 0 on.")
    return int(text)
