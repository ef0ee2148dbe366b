"""Answers names and pictures of several customers in one call. They are fetched from Facebook on request and never
stored.

Graph v26.0 has no call for several people (`GET /?ids=` is removed), so each customer needs its own call. Some calls
run at the same time.
"""

import asyncio
from typing import Final

from starlette.responses import Response

from api.call import AuthorizedCall, answer_json
from api.graph import GraphReader
from api.graph_params import CustomersQuery
from domain.errors import PageInboxError
from domain.graph import GraphQuery
from domain.ids import PageId, ShopId
from domain.message import Fact

ASKED_TOGETHER: Final = 5
"""Calls to Facebook that run at the same time for one request."""


class Customers:
    """The handler."""

    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader

    async def fetch(self, call: AuthorizedCall) -> Response:
        """GET customers: 200 if Facebook returns at least one name, otherwise Facebook's first error."""
        ids = call.query_as(CustomersQuery).conversations()
        together = asyncio.Semaphore(ASKED_TOGETHER)

        async def one(conversation: str) -> Fact | PageInboxError:
            async with together:
                return await self._one(call.shop, conversation)

        found = dict(zip(ids, await asyncio.gather(*map(one, ids)), strict=True))
        failed = {id_: error for id_, error in found.items() if isinstance(error, PageInboxError)}
        if len(failed) == len(ids):
            raise next(iter(failed.values()))
        items = [item for item in found.values() if not isinstance(item, PageInboxError)]
        failures = [{"conversation_id": id_, "reason": error.reason} for id_, error in failed.items()]
        return answer_json({"items": items, "failed": failures})

    async def _one(self, shop: ShopId, conversation: str) -> Fact | PageInboxError:
        page, _, customer = conversation.partition("_")
        try:
            fetched = await self._reader.fetch(shop, GraphQuery("customer", PageId(page), customer))
        except PageInboxError as error:
            return error
        return {"conversation_id": conversation} | fetched.items[0]
