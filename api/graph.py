"""The handlers that answer a shop with data from Facebook. They fetch the data at each request and never store it."""

from typing import Protocol

from starlette.responses import Response

from api.call import AuthorizedCall, answer_json
from api.graph_params import EdgeQuery
from api.route import Handler
from domain.graph import Edge, Fetched, GraphQuery
from domain.ids import PageId, ShopId


class GraphReader(Protocol):
    """Asks Facebook's Graph API with a Page's own token."""

    async def fetch(self, shop: ShopId, query: GraphQuery, /) -> Fetched:
        """Returns one list page of an edge, as JSON objects in the shape of the API's answers.

        Raises an error of kind not_found if the Page is not the shop's or Facebook has no such object. Raises kind
        conflict if the Page's token is missing, is dead or lacks a permission. Also raises the kinds throttled,
        upstream_failed and upstream_timeout.
        """
        ...


class Graph:
    """The handlers. All paths begin with pages/{page}."""

    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader

    def of(self, edge: Edge, object_part: str | None = None) -> Handler:
        """Returns the handler that answers one list page of an edge. `object_part` is the part of the path with the id
        of the object, for example `post`. It is None for an edge of the Page itself.
        """

        async def fetch(call: AuthorizedCall) -> Response:
            object_id = None if object_part is None else call.ids[object_part]
            query = call.query_as(EdgeQuery).query(edge, PageId(call.ids["page"]), object_id)
            found = await self._reader.fetch(call.shop, query)
            return answer_json({"items": found.items, "after": found.after})

        return fetch
