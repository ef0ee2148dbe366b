"""The promises of the store as a small model: a state, and how each event changes it.

Several events can happen at the same time, so an event may lead to several states. The model keeps all possible
states, and each look at the real store removes the states that it contradicts. If no state is left, a promise is
broken.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

Name = str
"""A message's name in the model. Its Page and customer follow from it."""


@dataclass(frozen=True)
class Cell:
    """The content of one message's key. `since` counts what was stored before it, which gives the order of reading."""

    what: Literal["kept", "waiting", "erased"]
    text: str = ""
    edits: int = 0
    since: int = 0


@dataclass(frozen=True)
class Place:
    """The place of a message."""

    page: str
    customer: str

    def scopes(self) -> frozenset[str]:
        """Returns all purges that include this message."""
        return frozenset({"shop", self.page, f"{self.page}_{self.customer}"})


@dataclass(frozen=True)
class State:
    """A store. `cells` are sorted by name. `purged` are the scopes that were purged. `clock` counts what was stored."""

    pages: frozenset[str]
    paused: bool = False
    cells: tuple[tuple[Name, Cell], ...] = ()
    purged: frozenset[str] = frozenset()
    clock: int = 0

    def cell(self, name: Name) -> Cell | None:
        """Returns what is known about a message, or None if it never arrived or was refused without a trace."""
        return dict(self.cells).get(name)

    def having(self, name: Name, cell: Cell) -> "State":
        """Returns the state with this cell."""
        return replace(self, cells=tuple(sorted({**dict(self.cells), name: cell}.items())))

    def stored(self, name: Name, text: str, edits: int) -> "State":
        """Returns the state with one more stored message."""
        return replace(self, clock=self.clock + 1).having(name, Cell("kept", text, edits, self.clock))

    def readable(self) -> tuple[tuple[Name, str, int], ...]:
        """Returns what a shop reads, newest receipt first."""
        kept = [(cell.since, name, cell) for name, cell in self.cells if cell.what == "kept"]
        return tuple((name, cell.text, cell.edits) for _, name, cell in sorted(kept, reverse=True))


Step = Callable[[State], Iterator[tuple[State, str]]]
"""An event: the states to which it may lead, each with its answer ("" if any answer is possible)."""


def deliver(name: Name, place: Place, text: str, *, old: bool) -> Step:
    """Returns the states after a message arrives. An `old` message was sent before everything in this model. For other
    messages the time of sending is not known."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        cell = state.cell(name)
        if place.page not in state.pages:
            yield state, "unknown_page"
        elif state.paused:
            yield state, "paused"
        elif old and place.scopes() & state.purged:
            yield state, ""
        elif cell is None:
            yield state.stored(name, text, 0), "stored"
        elif cell.what == "waiting":
            yield state.stored(name, cell.text, cell.edits), "stored"
        elif cell.what == "kept":
            yield state, "duplicate"
        else:
            yield state, "erased"
            yield state, "duplicate"  # it is hidden, and its bytes are not erased yet

    return step


def edit(name: Name, place: Place, text: str, number: int, *, old: bool) -> Step:
    """Returns the states after an edit arrives, which may be before its message. The highest number wins."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        cell = state.cell(name)
        if cell is not None and cell.what == "erased":
            yield state, ""
        elif place.page not in state.pages:
            yield state, "unknown_page"
        elif cell is None:
            if state.paused:
                yield state, "paused"
            elif old and place.scopes() & state.purged:
                yield state, "erased"
            else:
                yield state.having(name, Cell("waiting", text, number)), "edit_waiting"
        elif number <= cell.edits:
            yield state, "edit_outdated"
        else:
            newer = replace(cell, text=text, edits=number)
            yield state.having(name, newer), "edited" if cell.what == "kept" else "edit_waiting"

    return step


def unsend(name: Name, place: Place) -> Step:
    """Returns the states after the sender unsends a message, which may be before the message arrives."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        if place.page in state.pages:
            yield state.having(name, Cell("erased")), "unsent"
        else:
            yield state, "unknown_page"

    return step


def purge_message(name: Name, place: Place) -> Step:
    """Returns the states after a purge of one id. A message that has not arrived is kept out."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        yield (state.having(name, Cell("erased")) if place.page in state.pages else state), ""

    return step


def purge(scope: str, places: dict[Name, Place], *, disconnects: bool = False) -> Step:
    """Returns the states after a purge of a shop, a Page or a conversation. A Page is also disconnected."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        if disconnects and scope not in state.pages:
            yield state, ""  # not found, unless another caller is disconnecting it at this moment
            return
        after = replace(state, purged=state.purged | {scope})
        for name, _ in state.cells:
            if scope in places[name].scopes():
                after = after.having(name, Cell("erased"))
        yield (replace(after, pages=after.pages - {scope}) if disconnects else after), ""

    return step


def connect(page: str) -> Step:
    """Returns the states after a Page is connected."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        yield replace(state, pages=state.pages | {page}), ""

    return step


def pause(paused: bool) -> Step:
    """Returns the states after the shop pauses or continues storing."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        yield replace(state, paused=paused), ""

    return step


def perhaps(step: Step) -> Step:
    """Returns the states with and without the event, because there was no answer."""

    def unsure(state: State) -> Iterator[tuple[State, str]]:
        yield state, ""
        for following, _ in step(state):
            yield following, ""

    return unsure


def after_all(states: Iterable[State], happened: Sequence[tuple[Step, str]]) -> frozenset[State]:
    """Returns the possible states after all these events at the same time, in any order. Each event has a
    known result."""
    return frozenset(end for order in permutations(happened) for start in states for end in _in_order(start, order))


def _in_order(state: State, happened: Sequence[tuple[Step, str]]) -> Iterator[State]:
    if not happened:
        yield state
        return
    step, told = happened[0]
    for following, says in step(state):
        if says in {"", told}:
            yield from _in_order(following, happened[1:])
