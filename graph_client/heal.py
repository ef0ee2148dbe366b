"""Messages that no webhook brought, fetched through the Conversations edge into the store.

They come under the same ids and pass the same door: what is there already is stored once, what was purged stays
purged, what is older than five days is counted and left, and the deadline runs from now.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import structlog

from domain.event import Outcome, Storable
from domain.graph import Edge, GraphQuery
from domain.ids import PageId, ShopId
from domain.message import Message
from domain.moment import LAST_MOMENT, from_text
from graph_client.calls import Calls
from graph_client.edges import history_ask, spacing_of
from graph_client.errors import GraphError, ObjectNotFound
from graph_client.history import NotReadable, message_of
from graph_client.wire import Ask
from ops.metrics import Metrics

MOST_MESSAGES: Final = 20_000
"""Of one Page in one go: 20 MB, and hours of a busy shop. What is beyond is fetched in the next."""

PUT_MESSAGES: Final = 250
"""In one call of the store, which is one script call."""

ITEMS: Final = 50
"""Conversations, or messages of one, in one call; where that is too much for Facebook, half of it is asked for."""

PATIENCE_SECONDS: Final = 30.0
"""Healing can wait."""

REST_SECONDS: Final = 0.5
"""Between two calls, beside the two a second that Facebook allows: every second place is left to people."""

StillOurs = Callable[[], Awaitable[None]]

log = structlog.get_logger()


class Store(Protocol):
    """Where messages are kept."""

    async def put(self, shop: ShopId, events: Sequence[Storable]) -> list[Outcome]:
        """Store; an outcome per message once all of it is done. Raises kind unavailable."""
        ...


class Healer:
    """Fetches what was missed."""

    def __init__(
        self, calls: Calls, store: Store, metrics: Metrics, *, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._calls = calls
        self._store = store
        self._metrics = metrics
        self._sleep = sleep

    async def heal(self, shop: ShopId, page: PageId, since: int, still_ours: StillOurs) -> int:
        """Put every message since then (Unix milliseconds), oldest first; how many were new.

        `still_ours` is awaited before each call: it keeps other replicas from doing the same.

        Raises:
            GraphError: Facebook refuses or is not there; what was fetched so far is stored, and it may be done again.
            PageInboxError: kind unavailable where the store is.
        """
        found: list[Message] = []
        stored = fetched = 0
        try:
            async for conversation in self._walk(shop, page, "conversations", None, still_ours):
                if _moment(conversation, "updated_time") < since:
                    break
                await self._missed(shop, page, str(conversation.get("id", "")), since, still_ours, found)
                if len(found) >= MOST_MESSAGES:
                    fetched += len(found)
                    stored += await self._put(shop, found)
                    found = []
        except GraphError:
            await self._put(shop, found)
            raise
        fetched += len(found)
        stored += await self._put(shop, found)
        log.info("page_healed", shop=shop, page=page, messages=fetched, stored=stored)
        return stored

    async def _missed(
        self, shop: ShopId, page: PageId, conversation: str, since: int, still_ours: StillOurs, found: list[Message]
    ) -> None:
        """Add a conversation's messages since then, as they come: newest first; older ones end the walk. One that is
        listed and cannot be read must not cost the others.
        """
        try:
            await self._add_missed(shop, page, conversation, since, still_ours, found)
        except ObjectNotFound as error:
            log.info("conversation_unreadable", page=page, reason=error.reason, code=error.code, trace=error.trace)

    async def _add_missed(
        self, shop: ShopId, page: PageId, conversation: str, since: int, still_ours: StillOurs, found: list[Message]
    ) -> None:
        async for raw in self._walk(shop, page, "conversation_messages", conversation, still_ours):
            if _moment(raw, "created_time") < since:
                break
            try:
                found.append(message_of(page, raw))
            except NotReadable as unreadable:
                self._metrics.healed(unreadable.reason, 1)

    async def _walk(
        self, shop: ShopId, page: PageId, edge: Edge, of: str | None, still_ours: StillOurs
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of an edge, newest first, a page at a time."""
        after: str | None = None
        while True:
            await still_ours()
            query = GraphQuery(edge, page, of, limit=ITEMS, after=after)

            def ask(items: int, query: GraphQuery = query) -> Ask:
                return history_ask(replace(query, limit=items))

            answer = await self._calls.for_page(
                shop,
                page,
                f"heal_{edge}",
                ask,
                items=ITEMS,
                spacing=spacing_of(edge),
                patience=PATIENCE_SECONDS,
            )
            for row in answer.rows():
                yield row
            after = answer.after()
            if after is None:
                return
            await self._sleep(REST_SECONDS)

    async def _put(self, shop: ShopId, messages: list[Message]) -> int:
        """Store them, oldest first: readers go by receipt. How many were new."""
        # Facebook dates to the second and lists the newest first: of one second, the last listed was said first.
        messages.reverse()
        messages.sort(key=lambda message: message.sent_at or 0)
        stored = 0
        for at in range(0, len(messages), PUT_MESSAGES):
            outcomes = Counter(await self._store.put(shop, messages[at : at + PUT_MESSAGES]))
            for outcome, count in outcomes.items():
                self._metrics.healed(outcome, count)
            stored += outcomes["stored"]
        return stored


def _moment(raw: dict[str, Any], name: str) -> int:
    """A time in Graph's form as milliseconds. One that is missing does not end a walk: the store decides then."""
    moment = from_text(str(raw.get(name, "")))
    return LAST_MOMENT if moment is None else moment
