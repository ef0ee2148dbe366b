"""One turn of healing a Page: some seconds of fetching, one conversation at a time, newest activity first."""

from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from typing import Any, Final

from domain.heal import CutReason, Heal, Unhealed
from domain.ids import PageId, ShopId
from graph_client import unhealed
from graph_client.conversation_calls import ConversationCalls, moment
from graph_client.errors import GraphError, ParameterRefused
from graph_client.fetched_messages import FetchedMessages
from graph_client.schedule import KEPT, MARGIN
from graph_client.store import Heals
from graph_client.walk import Walk
from ops.metrics import Metrics

TURN_SECONDS: Final = 20.0
"""After this many seconds a turn begins no further conversation, and the Page waits behind the other Pages."""

LIST_PAGES: Final = 400
"""The maximum number of list pages of conversations that are read: 20,000 conversations."""

THE_LIST: Final = ""
"""Replaces a conversation's id in the entry which says that the list of conversations was cut short."""


class HealTurn:
    """Does the turn. `heal` is the state of the healing now. `now` is Unix milliseconds. `clock` is monotonic and in
    seconds.
    """

    def __init__(
        self,
        shop: ShopId,
        page: PageId,
        heal: Heal,
        calls: ConversationCalls,
        fetched: FetchedMessages,
        records: Heals,
        metrics: Metrics,
        *,
        now: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self.heal = heal
        self._shop = shop
        self._page = page
        self._before = heal
        self._calls = calls
        self._fetched = fetched
        self._records = records
        self._metrics = metrics
        self._now = now
        self._clock = clock
        self._ends = clock() + TURN_SECONDS
        self._visited: list[str] = []
        self._failures = 0

    async def take(self) -> None:
        """Continue the run, then try refused conversations again. Raises the same errors as `Healer.heal`."""
        try:
            if self.heal.status == "running":
                await self._run()
            await self._try_again()
        except GraphError:
            await self._save()
            raise
        await self._save()

    async def _run(self) -> None:
        """Read the list of conversations until the list or the turn ends."""
        walk = Walk(self.heal.after, most_pages=LIST_PAGES)
        several_pages = walk.after is not None
        while True:
            here = walk.after
            self.heal = replace(self.heal, after=here)
            try:
                answer = await self._calls.conversations(here)
            except ParameterRefused:
                if here is None:
                    raise
                walk = Walk(most_pages=LIST_PAGES)  # the conversation at this cursor does not exist any more
                continue
            rows = walk.take(answer.rows(), answer.after())
            recent = list(takewhile(lambda row: moment(row, "updated_time") >= self._bound(), rows))
            if not await self._go_through(recent):
                return
            if len(recent) < len(rows) or walk.ended:
                break
            several_pages = True
        if walk.cut is not None and len(recent) == len(rows):
            self._end(walk.cut)
        elif several_pages and not self.heal.last_look:
            # Conversations may have moved to the top of the list during this walk. The walk did not find these.
            self.heal = replace(self.heal, last_look=True, after=None)
            await self._run()
        else:
            self._end(None)

    def _bound(self) -> int:
        """Returns a time. A conversation is skipped if its last message is earlier."""
        return self.heal.began_at - MARGIN if self.heal.last_look else self.heal.since

    async def _go_through(self, rows: list[dict[str, Any]]) -> bool:
        """Fetch the conversations that the run has not visited. Returns False if the run must stop for this turn."""
        updated = {str(row.get("id", "")): moment(row, "updated_time") for row in rows}
        visited = await self._records.visited(self._shop, self._page, self.heal, list(updated)) if updated else set()
        for conversation, at in updated.items():
            if conversation in visited or conversation in self._visited:
                continue
            if self._clock() >= self._ends:
                return False
            await self._go_through_one(conversation, at)
            if len(self.heal.unhealed) > unhealed.MOST_UNHEALED:
                self._end("too_many_refused")
                return False
        return True

    async def _go_through_one(self, conversation: str, updated: int) -> None:
        since, until = self.heal.since, min(updated, self._now()) + KEPT
        reason, outage = await self._fetch(conversation, since)
        entry = None
        if reason is not None:
            pause = 0 if outage else unhealed.pause(reason, 1)
            entry = Unhealed(conversation, reason, since, until, 1, self._now() + pause)
            self._metrics.heal_conversation("refused")
        self.heal = replace(
            self.heal, conversations=self.heal.conversations + 1, unhealed=self._with(conversation, entry)
        )
        self._visited.append(conversation)
        if outage is not None:
            raise outage
        if not self._fetched.waiting:
            await self._save()

    async def _try_again(self) -> None:
        """Try refused conversations whose pause is over, until the turn ends."""
        for entry in self.heal.due(self._now()):
            if entry.conversation == THE_LIST:
                continue
            if self._clock() >= self._ends:
                return
            reason, outage = await self._fetch(entry.conversation, entry.since)
            kept = None if reason is None else unhealed.refused_again(entry, reason, self._now())
            self.heal = replace(self.heal, unhealed=self._with(entry.conversation, kept))
            if kept is None:
                outcome = "healed" if reason is None else "given_up"
                self._metrics.heal_conversation(outcome)
            if outage is not None:
                raise outage

    async def _fetch(self, conversation: str, since: int) -> tuple[str | None, GraphError | None]:
        """Fetch one conversation. Returns the reason why it was not fetched completely, or None. Also returns the error
        of an outage, after which the turn must end, or None.
        """
        try:
            reason: str | None = await self._calls.messages(conversation, since, self._fetched.add)
        except GraphError as error:
            if not unhealed.is_refusal(error):
                raise
            self._failures = self._failures + 1 if unhealed.is_failure(error) else 0
            return error.reason, error if unhealed.is_outage(error, self._failures) else None
        self._failures = 0
        return reason, None

    def _with(self, conversation: str, entry: Unhealed | None) -> tuple[Unhealed, ...]:
        """Returns the refused conversations, with this entry in place of the earlier entry."""
        others = tuple(one for one in self.heal.unhealed if one.conversation != conversation)
        return others if entry is None else (*others, entry)

    def _end(self, cut: CutReason | None) -> None:
        """End the run. If the run was cut short, the list is added to the refused conversations as an entry, and is
        tried again.
        """
        now = self._now()
        before = next((one for one in self.heal.unhealed if one.conversation == THE_LIST), None)
        entry = None
        if cut is not None:
            first = Unhealed(THE_LIST, cut, self.heal.since, now + KEPT, 1, now + unhealed.pause(cut, 1))
            entry = first if before is None else unhealed.refused_again(before, cut, now)
        self.heal = replace(
            self.heal,
            status="complete" if cut is None else "cut_short",
            reason=cut,
            ended_at=now,
            after=None,
            unhealed=self._with(THE_LIST, entry),
        )
        self._metrics.heal(self.heal.status)

    async def _save(self) -> None:
        """Store the fetched messages. Only then record that they were fetched."""
        await self._fetched.store()
        self.heal = replace(
            self.heal,
            messages=self._before.messages + self._fetched.messages,
            stored=self._before.stored + self._fetched.stored,
        )
        visited, self._visited = self._visited, []
        await self._records.write(self._shop, self._page, self.heal, visited)
