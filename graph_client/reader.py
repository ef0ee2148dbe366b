"""What a shop asks for, fetched now: one page of an edge, in our form. Nothing of it is kept or logged."""

from dataclasses import replace

from domain.graph import Fetched, GraphQuery
from domain.ids import ShopId
from graph_client.calls import Calls
from graph_client.edges import ask_for, fallback_query, spacing_of
from graph_client.errors import GraphError
from graph_client.parse import fetched
from graph_client.wire import Answer, Ask


class Reader:
    """Fetches."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def fetch(self, shop: ShopId, query: GraphQuery) -> Fetched:
        """One page of what hangs on a Page of this shop.

        Videos are tried at their own edge first, whose reading Facebook's reference of v26.0 calls impossible; where
        it is refused, they are picked from the Page's posts.

        Raises:
            GraphError: Facebook, or its silence, in our words.
            PageInboxError: kind not_found where the Page is not the shop's; unavailable where the store is.
        """
        try:
            return fetched(query, (await self._call(shop, query)).body)
        except GraphError as error:
            other = fallback_query(query, error)
            if other is None:
                raise
            return fetched(other, (await self._call(shop, other)).body)

    async def _call(self, shop: ShopId, query: GraphQuery) -> Answer:
        def ask(items: int) -> Ask:
            return ask_for(replace(query, limit=items))

        return await self._calls.for_page(
            shop,
            query.page,
            query.edge,
            ask,
            items=query.limit,
            spacing=spacing_of(query.edge),
        )
