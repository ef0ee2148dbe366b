"""The calls with which healing fetches a Page's conversations and messages. They are spaced out, and need the Page's
lease.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from domain.graph import Edge, GraphQuery
from domain.heal import CutReason
from domain.ids import PageId, ShopId
from domain.message import Message
from domain.moment import LAST_MOMENT, from_text
from graph_client.calls import Calls
from graph_client.edges import history_ask, spacing_of
from graph_client.history import NotReadable, message_of
from graph_client.walk import Walk
from graph_client.wire import Ask, GraphAnswer
from ops.metrics import Metrics

ITEMS: Final = 50
"""Conversations, or messages of one conversation, in one call. If the answer is too large for Facebook, half as many
are requested.
"""

PATIENCE_SECONDS: Final = 30.0
"""The longest wait of a call before it may start, in seconds. It is long because healing is not urgent."""

REST_SECONDS: Final = 0.5
"""Seconds between two calls, in addition to Facebook's limit of two calls per second. So half of the allowed calls
remain for people.
"""

CONVERSATION_PAGES: Final = 40
"""The maximum number of list pages of one conversation: 2,000 messages, more than two people write in five days."""

StillOurs = Callable[[], Awaitable[None]]


class ConversationCalls:
    """Makes the calls of one Page. `still_ours` is awaited before each call."""

    def __init__(
        self,
        calls: Calls,
        shop: ShopId,
        page: PageId,
        metrics: Metrics,
        *,
        still_ours: StillOurs,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._shop = shop
        self._page = page
        self._metrics = metrics
        self._still_ours = still_ours
        self._sleep = sleep

    async def conversations(self, after: str | None) -> GraphAnswer:
        """Returns one list page of the conversations, newest activity first. Raises GraphError."""
        return await self._fetch("conversations", None, after)

    async def messages(self, conversation: str, since: int, take: "TakeMessages") -> CutReason | None:
        """Give `take` a conversation's messages from `since` (milliseconds) on, one list page at a time, newest first.

        Returns why the walk was cut short, or None if the walk was complete. Raises GraphError.
        """
        walk = Walk(most_pages=CONVERSATION_PAGES)
        while not walk.ended:
            answer = await self._fetch("conversation_messages", conversation, walk.after)
            rows = walk.take(answer.rows(), answer.after())
            recent = [row for row in rows if moment(row, "created_time") >= since]
            await take([message for row in recent for message in self._readable(row)])
            if len(recent) < len(rows):
                return None
        return walk.cut

    def _readable(self, row: dict[str, Any]) -> list[Message]:
        try:
            return [message_of(self._page, row)]
        except NotReadable as unreadable:
            self._metrics.healed(unreadable.reason, 1)
            return []

    async def _fetch(self, edge: Edge, of: str | None, after: str | None) -> GraphAnswer:
        if after is not None:
            await self._sleep(REST_SECONDS)
        await self._still_ours()
        query = GraphQuery(edge, self._page, of, limit=ITEMS, after=after)

        def ask(items: int) -> Ask:
            return history_ask(replace(query, limit=items))

        return await self._calls.for_page(
            self._shop,
            self._page,
            f"heal_{edge}",
            ask,
            items=ITEMS,
            spacing=spacing_of(edge),
            patience=PATIENCE_SECONDS,
        )


TakeMessages = Callable[[list[Message]], Awaitable[None]]


def moment(row: dict[str, Any], name: str) -> int:
    """Returns a time in Graph's form as milliseconds. A message without a time does not end a walk: the store decides
    about such a message.
    """
    found = from_text(str(row.get(name, "")))
    return LAST_MOMENT if found is None else found
