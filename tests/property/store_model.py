"""What the store promises, as a model small enough to be believed: one state, and what each happening makes of it.

A happening may lead to several states, because several things can be under way at once: the model keeps all that are
possible, and each look at the real store strikes out those that it contradicts. Nothing left is a broken promise.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

Name = str
"""A message, by a name of the model's own; its Page and customer follow from it."""


@dataclass(frozen=True)
class Cell:
    """What there is under one message's key. `since` counts what was stored before it: the order of reading."""

    what: Literal["kept", "waiting", "erased"]
    text: str = ""
    edits: int = 0
    since: int = 0


@dataclass(frozen=True)
class Place:
    """Where a message belongs."""

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
        """Returns what is known of a message, or None if it never arrived or was refused without a trace."""
        return dict(self.cells).get(name)

    def having(self, name: Name, cell: Cell) -> "State":
        """The same with this cell."""
        return replace(self, cells=tuple(sorted({**dict(self.cells), name: cell}.items())))

    def stored(self, name: Name, text: str, edits: int) -> "State":
        """The same with one more message."""
        return replace(self, clock=self.clock + 1).having(name, Cell("kept", text, edits, self.clock))

    def readable(self) -> tuple[tuple[Name, str, int], ...]:
        """What a shop reads, newest receipt first."""
        kept = [(cell.since, name, cell) for name, cell in self.cells if cell.what == "kept"]
        return tuple((name, cell.text, cell.edits) for _, name, cell in sorted(kept, reverse=True))


Step = Callable[[State], Iterator[tuple[State, str]]]
"""An event: the states to which it may lead, each with its answer ("" if any answer is possible)."""


def deliver(name: Name, place: Place, text: str, *, old: bool) -> Step:
    """A message arrives. An `old` message was sent before everything in this model; for the others the time of sending
    is not known."""

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
    """A new text comes, the highest number wins; also before its message."""

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
    """The sender takes it back; also before it has come."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        if place.page in state.pages:
            yield state.having(name, Cell("erased")), "unsent"
        else:
            yield state, "unknown_page"

    return step


def purge_message(name: Name, place: Place) -> Step:
    """It is purged by its id, and kept out if it has not come."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        yield (state.having(name, Cell("erased")) if place.page in state.pages else state), ""

    return step


def purge(scope: str, places: dict[Name, Place], *, disconnects: bool = False) -> Step:
    """Everything of a shop, a Page or a conversation is purged; a Page is disconnected with it."""

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
    """A Page is connected."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        yield replace(state, pages=state.pages | {page}), ""

    return step


def pause(paused: bool) -> Step:
    """The shop stops storing, or continues."""

    def step(state: State) -> Iterator[tuple[State, str]]:
        yield replace(state, paused=paused), ""

    return step


def perhaps(step: Step) -> Step:
    """It may have happened: there was no answer."""

    def unsure(state: State) -> Iterator[tuple[State, str]]:
        yield state, ""
        for following, _ in step(state):
            yield following, ""

    return unsure


def after_all(states: Iterable[State], happened: Sequence[tuple[Step, str]]) -> frozenset[State]:
    """Where the states may have got to when all of these happened at once, in some order, each telling what it did."""
    return frozenset(end for order in permutations(happened) for start in states for end in _in_order(start, order))


def _in_order(state: State, happened: Sequence[tuple[Step, str]]) -> Iterator[State]:
    if not happened:
        yield state
        return
    step, told = happened[0]
    for following, says in step(state):
        if says in {"", told}:
            yield from _in_order(following, happened[1:])
