"""Fetches the messages that no webhook brought, through the Conversations edge, and stores them.

Fetched messages have the same ids and pass the same checks as deliveries. A message that came by webhook and was also
fetched is stored once. A purged message stays purged. Each message expires five days after it was sent. The work is
done in turns (heal_turn.py), so that one Page does not delay the others. The store keeps the progress of a run and the
conversations that Graph refused (cache/graph/heals.py).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from domain.heal import Heal
from domain.ids import PageId, ShopId
from graph_client.calls import Calls
from graph_client.conversation_calls import ConversationCalls, StillOurs
from graph_client.fetched_messages import FetchedMessages, Taps, Writer
from graph_client.heal_turn import THE_LIST, HealTurn
from graph_client.store import Heals
from ops.metrics import Metrics

log = structlog.get_logger()

NEVER_HEALED: Final = Heal(0, 0, "complete")


@dataclass(frozen=True, slots=True)
class TurnResult:
    """`ended`: no run is in progress. `next_at`: when the next turn is due (milliseconds), or None if none is due."""

    ended: bool
    next_at: int | None


class Healer:
    """Heals Pages. `now` is Unix milliseconds. `clock` is monotonic and in seconds."""

    def __init__(
        self,
        calls: Calls,
        store: Writer,
        taps: Taps,
        records: Heals,
        metrics: Metrics,
        *,
        now: Callable[[], int],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._store = store
        self._taps = taps
        self._records = records
        self._metrics = metrics
        self._now = now
        self._clock = clock
        self._sleep = sleep

    async def next_at(self, shop: ShopId, page: PageId) -> int | None:
        """Returns when the next turn is due (milliseconds) according to the record; None if no turn is due, 0 for at
        once.
        """
        heal = await self._records.read(shop, page)
        if heal is None:
            return None
        return 0 if heal.status == "running" else heal.next_try_at

    async def heal(self, shop: ShopId, page: PageId, since: int | None, still_ours: StillOurs) -> TurnResult:
        """Do one turn. Continue the run, or begin a run for messages sent from `since` on (Unix milliseconds). With
        None, no new run begins. Then try refused conversations again.

        `still_ours` is awaited before each call. It renews the lease, so that no other replica does the same work.

        Raises:
            GraphError: the token is dead, a budget is used up, or Graph is down. Messages that were fetched are stored.
            PageInboxError: kind unavailable if the store is unavailable.
        """
        heal = await self._records.read(shop, page) or NEVER_HEALED
        now = self._now()
        if since is None and heal.status != "running":
            since = next((one.since for one in heal.due(now) if one.conversation == THE_LIST), None)
        if since is not None and (heal.status != "running" or heal.since > since):
            heal = Heal(since, max(now, heal.began_at + 1), unhealed=heal.unhealed)
        turn = HealTurn(
            shop,
            page,
            heal,
            ConversationCalls(self._calls, shop, page, self._metrics, still_ours=still_ours, sleep=self._sleep),
            FetchedMessages(shop, self._store, self._taps, self._metrics, self._clock),
            self._records,
            self._metrics,
            now=self._now,
            clock=self._clock,
        )
        await turn.take()
        running = turn.heal.status == "running"
        if heal.status == "running" and not running:
            self._log(shop, page, turn.heal)
        return TurnResult(not running, self._now() if running else turn.heal.next_try_at)

    def _log(self, shop: ShopId, page: PageId, heal: Heal) -> None:
        if heal.reason is None:
            log.info("page_healed", shop=shop, page=page, messages=heal.messages, stored=heal.stored)
        else:
            log.warning("heal_cut_short", shop=shop, page=page, reason=heal.reason, stored=heal.stored)
