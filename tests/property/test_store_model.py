"""Messages are stored exactly once and do not come back after a purge, in every order of events.

Hypothesis draws what happens to a shop, some of it at the same time. A real Valkey and the model in store_model.py get
the same events. After each step the store must show one of the states that the model allows.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from cache.errors import NotFound, Unavailable
from cache.server.address import connect as to_server
from domain.ids import ConversationId, MessageId, PageId, Psid
from domain.message import Edit, Message, Unsend
from tests.contract.conftest import FIVE_DAYS, SHOP, Box, make_box, text
from tests.property import store_model as model
from tests.property.store_model import Place, State, Step
from tests.servers import PATIENT, Server

PAGES: Final = ("page-a", "page-b")
PLACES: Final = {
    "m-1": Place("page-a", "anna"),
    "m-2": Place("page-a", "anna"),
    "m-3": Place("page-a", "bora"),
    "m-4": Place("page-b", "anna"),
}
"""The test has few messages, so that many events concern the same message. Two are of one conversation, a third is of
the same Page, and the fourth is of another Page."""
EXAMPLES: Final = int(os.environ.get("MODEL_EXAMPLES", "40"))
"""Number of runs, with up to thirty steps each. The runs are the same each time, unless MODEL_EXAMPLES sets their
number."""

names = st.sampled_from(sorted(PLACES))
pages = st.sampled_from(PAGES)
TEXTS: Final = ("one", "two", "three")

happenings = st.one_of(
    st.tuples(st.just("deliver"), names, st.sampled_from(TEXTS), st.booleans()),
    st.tuples(st.just("deliver"), names, st.sampled_from(TEXTS), st.booleans()),
    st.tuples(st.just("edit"), names, st.sampled_from(TEXTS), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("unsend"), names),
    st.tuples(st.just("purge_message"), names),
    st.tuples(st.just("purge_conversation"), names),
    st.tuples(st.just("purge_page"), pages),
    st.tuples(st.just("purge_shop")),
    st.tuples(st.just("connect"), pages),
    st.tuples(st.just("connect"), pages),
    st.tuples(st.just("pause"), st.booleans()),
)


@dataclass
class Happening:
    """One event, for the model and for the store."""

    step: Step
    deed: Coroutine[Any, Any, str]


class Comparison(RuleBasedStateMachine):
    """A store and its model. `server` is set by the test."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.server.empty()
        self.box = self.runner.run(self._open())
        self.states = frozenset({State(frozenset(PAGES))})

    async def _open(self) -> Box:
        box = make_box(to_server(self.server.url, limits=PATIENT))
        for page in PAGES:
            await box.shops.connect(SHOP, PageId(page))
        return box

    def teardown(self) -> None:
        self.runner.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        await self.box.close()
        await self.box.connection.close()

    @initialize()
    def begin(self) -> None:
        """Begin with an empty store."""
        self._compare()

    @rule(happening=happenings)
    def one(self, happening: tuple[Any, ...]) -> None:
        """Let one event happen."""
        self._happen([happening])

    @rule(together=st.lists(happenings, min_size=2, max_size=4))
    def several(self, together: list[tuple[Any, ...]]) -> None:
        """Let several events happen at the same time."""
        self._happen(together)

    @rule()
    def erased(self) -> None:
        """Returns when every running purge has erased its last byte."""
        self.runner.run(self.box.erased())
        self._compare()

    def _happen(self, drawn: list[tuple[Any, ...]]) -> None:
        happening = [getattr(self, f"_{name}")(*arguments) for name, *arguments in drawn]

        async def all_at_once() -> list[str | None]:
            return await asyncio.gather(*(_told(one.deed) for one in happening))

        told = self.runner.run(all_at_once())
        before = self.states
        happened = [
            (model.perhaps(one.step), "") if says is None else (one.step, says)
            for one, says in zip(happening, told, strict=True)
        ]
        self.states = model.after_all(before, happened)
        assert self.states, f"no order of {drawn} tells {told}; before it: {before}"
        self._compare()

    def _compare(self) -> None:
        found, looked_up, counted = self.runner.run(self._look())
        left = frozenset(state for state in self.states if state.readable() == found)
        assert left, f"it reads {found}; possible: {[state.readable() for state in self.states]}"
        self.states = left
        assert looked_up == {name: (words, edits) for name, words, edits in found}
        assert counted == {key: sum(PLACES[name] == key for name, _, _ in found) for key in counted}
        assert set(counted) == {PLACES[name] for name, _, _ in found}

    async def _look(self) -> tuple[tuple[tuple[str, str, int], ...], dict[str, tuple[str, int]], dict[Place, int]]:
        """Compare the list of messages, each message by its id, and the count of each conversation."""
        messages = await self.box.read()
        looked_up = {}
        for name in PLACES:
            try:
                one = orjson.loads((await self.box.reader.message(SHOP, MessageId(name))).content)
            except NotFound:
                continue
            looked_up[name] = (one["text"], one.get("edits", 0))
        conversations = await self.box.walk_conversations()
        counted = {Place(one["page_id"], one["customer_id"]): one["message_count"] for one in conversations}
        return tuple((m["id"], m["text"], m.get("edits", 0)) for m in messages), looked_up, counted

    async def _put(self, event: Message | Edit | Unsend) -> str:
        return (await self.box.put(event))[0]

    def _deliver(self, name: str, words: str, old: bool) -> Happening:
        place = PLACES[name]
        message = text(name, words, page=PageId(place.page), customer=Psid(place.customer), sent_at=_sent(old))
        return Happening(model.deliver(name, place, words, old=old), self._put(message))

    def _edit(self, name: str, words: str, number: int, old: bool) -> Happening:
        place = PLACES[name]
        event = Edit(MessageId(name), PageId(place.page), Psid(place.customer), number, words, _sent(old))
        return Happening(model.edit(name, place, words, number, old=old), self._put(event))

    def _unsend(self, name: str) -> Happening:
        place = PLACES[name]
        return Happening(
            model.unsend(name, place), self._put(Unsend(MessageId(name), PageId(place.page), sent_at=None))
        )

    def _purge_message(self, name: str) -> Happening:
        async def deed() -> str:
            await self.box.purger.purge_message(SHOP, MessageId(name), "owner")
            return ""

        return Happening(model.purge_message(name, PLACES[name]), deed())

    def _purge_conversation(self, name: str) -> Happening:
        scope = f"{PLACES[name].page}_{PLACES[name].customer}"

        async def deed() -> str:
            await self.box.purger.purge_conversation(SHOP, ConversationId(scope), "owner")
            return ""

        return Happening(model.purge(scope, PLACES), deed())

    def _purge_page(self, page: str) -> Happening:
        async def deed() -> str:
            with suppress(NotFound):
                await self.box.purger.purge_page(SHOP, PageId(page), "owner")
            return ""

        return Happening(model.purge(page, PLACES, disconnects=True), deed())

    def _purge_shop(self) -> Happening:
        async def deed() -> str:
            await self.box.purger.purge_shop(SHOP, "owner")
            return ""

        return Happening(model.purge("shop", PLACES), deed())

    def _connect(self, page: str) -> Happening:
        async def deed() -> str:
            await self.box.shops.connect(SHOP, PageId(page))
            return ""

        return Happening(model.connect(page), deed())

    def _pause(self, paused: bool) -> Happening:
        async def deed() -> str:
            await self.box.shops.pause(SHOP, paused)
            return ""

        return Happening(model.pause(paused), deed())


async def _told(deed: Coroutine[Any, Any, str]) -> str | None:
    """Returns the outcome, or None if a busy machine answered too late."""
    try:
        return await deed
    except Unavailable:
        return None


def _sent(old: bool) -> int | None:
    """Returns a time before everything here for an old message, and None, an unknown time, for other messages."""
    return int((time.time() - FIVE_DAYS / 2) * 1000) if old else None


@pytest.mark.timeout(240)
def test_the_store_agrees_with_its_model_in_every_order_of_events(
    own_server: Callable[..., AbstractContextManager[Server]],
) -> None:
    """The test draws deliveries, edits, unsends, purges, pauses and connections, alone and at the same time, in any
    order."""
    with own_server() as server:
        Comparison.server = server
        run_state_machine_as_test(
            Comparison,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=30,
                deadline=None,
                derandomize="MODEL_EXAMPLES" not in os.environ,
                suppress_health_check=list(HealthCheck),
            ),
        )
