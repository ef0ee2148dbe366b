"""Fetches one list page of an edge for a shop, in the service's form. Nothing is stored or logged."""

import re
from contextlib import suppress
from dataclasses import replace

from domain.graph import Fetched, GraphQuery
from domain.ids import PageId, ShopId
from domain.turn import Turns
from graph_client.calls import Calls
from graph_client.edges import ask_for, conversation_with, fallback_query, spacing_of
from graph_client.errors import GraphError, ObjectNotFound, ParameterRefused, PermissionMissing
from graph_client.history import attachments_of
from graph_client.parse import fetched
from graph_client.wire import Ask, GraphAnswer


class GraphReader:
    """Fetches from Graph. `turns` shares the event loop between shops."""

    def __init__(self, calls: Calls, turns: Turns) -> None:
        self._calls = calls
        self._turns = turns

    async def fetch(self, shop: ShopId, query: GraphQuery) -> Fetched:
        """Returns one list page of an edge of this shop's Page. A customer is one item. The edge of attachments lists
        the attachments of one message. Videos are first requested from their own edge. Facebook's reference of v26.0
        says that this edge cannot be read. If Facebook refuses it, the videos are taken from the Page's posts.

        Raises:
            GraphError: Facebook refuses or does not answer.
            PageInboxError: kind not_found if the Page is not the shop's; unavailable if the store is unavailable.
        """
        if query.edge == "customer":
            return await self._customer(shop, query)
        if query.edge == "attachments":
            return Fetched(attachments_of((await self._call(shop, query)).body), None)
        try:
            return fetched(query, await self._call(shop, query))
        except GraphError as error:
            other = fallback_query(query, error)
            if other is None:
                raise
            return fetched(other, await self._call(shop, other))

    async def _customer(self, shop: ShopId, query: GraphQuery) -> Fetched:
        """Returns the profile. If Facebook refuses it, or shows no name in it, the name comes from the conversation.

        Profiles need Business Asset User Profile Access. Conversations do not, and they have the name of each
        participant.
        """
        profile: Fetched | GraphError
        try:
            profile = fetched(query, await self._call(shop, query))
            if "name" in profile.items[0]:
                return profile
        except (ObjectNotFound, PermissionMissing, ParameterRefused) as error:
            if error.code is None or re.fullmatch("[0-9]+", query.object or "") is None:
                raise  # not the id of a person
            profile = error
        name = None
        with suppress(ObjectNotFound, PermissionMissing, ParameterRefused):
            name = await self._name_in_conversation(shop, query.page, query.object or "")
        if name is not None:
            return Fetched([{"id": query.object, "name": name}], None)
        if isinstance(profile, GraphError):
            raise profile
        return profile

    async def _name_in_conversation(self, shop: ShopId, page: PageId, customer: str) -> str | None:
        def ask(_: int) -> Ask:
            return conversation_with(page, customer)

        answer = await self._calls.for_page(shop, page, "conversations", ask, spacing=spacing_of("conversations"))
        for conversation in fetched(GraphQuery("conversations", page), answer).items:
            people = conversation.get("participants")
            for person in people if isinstance(people, list) else ():
                name = person.get("name") if isinstance(person, dict) and person.get("id") == customer else None
                if isinstance(name, str) and name:
                    return name
        return None

    async def _call(self, shop: ShopId, query: GraphQuery) -> GraphAnswer:
        def ask(items: int) -> Ask:
            return ask_for(replace(query, limit=items))

        answer = await self._calls.for_page(
            shop,
            query.page,
            query.edge,
            ask,
            items=query.limit,
            spacing=spacing_of(query.edge),
            partial=query.edge not in {"customer", "attachments"},
        )
        # Many answers can arrive together, and each conversion takes some time.
        await self._turns.turn(shop)
        return answer
