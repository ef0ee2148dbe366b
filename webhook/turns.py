"""Who is verified next while somebody forges: a few deliveries in each turn of the event loop, known forgers last.

A forgery costs us one HMAC and an answer, its sender nothing. Thousands of connections that each send one bring them
all in the same turn, and a genuine delivery needs several turns: one to come in, one to be stored, one to be answered.
So turns are kept short; what is too much for one waits in line, and the forgers' next requests wait with it. Without a
forgery in the last seconds nobody waits at all.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

EACH_TURN: Final = 16
"""Deliveries verified in one turn: one or two milliseconds."""
CALM_SECONDS: Final = 10.0
"""After the last forgery the line is kept for so long."""
FORGERS_REMEMBERED: Final = 65_536
"""Addresses; the first of them are forgotten first."""

_Place = asyncio.Future[None]


class Turns:
    """The line. Senders are told apart by their addresses; `clock` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float], each_turn: int = EACH_TURN) -> None:
        self._clock = clock
        self._each_turn = self._room = each_turn
        self._until: float | None = None
        self._forgers: dict[str, None] = {}
        self._first: deque[_Place] = deque()
        self._last: deque[_Place] = deque()
        self._renewing = False

    @property
    def calm(self) -> bool:
        """Whether nobody has to wait."""
        return self._until is None

    async def wait(self, sender: str) -> None:
        """Return when it is this delivery's turn: mostly at once."""
        if self._until is None:
            return
        if self._clock() > self._until:
            self._until = None
            self._forgers.clear()
            return
        self._renew_soon()
        if self._room and not self._first and not self._last:
            self._room -= 1
            return
        place: _Place = asyncio.get_running_loop().create_future()
        (self._last if sender in self._forgers else self._first).append(place)
        await place

    def forged(self, sender: str) -> None:
        """What this sender sent was forged."""
        self._until = self._clock() + CALM_SECONDS
        if sender not in self._forgers:
            if len(self._forgers) >= FORGERS_REMEMBERED:
                del self._forgers[next(iter(self._forgers))]
            self._forgers[sender] = None

    def genuine(self, sender: str) -> None:
        """What this sender sent was genuine: where a proxy lends its address to all, nobody is a forger for long."""
        if self._until is not None:
            self._forgers.pop(sender, None)

    def _renew_soon(self) -> None:
        if not self._renewing:
            self._renewing = True
            asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        self._renewing = False
        self._room = self._each_turn
        self._call(self._last, 1)  # who is taken for a forger by mistake is not kept waiting for ever
        self._call(self._first, self._room)
        self._call(self._last, self._room)
        if self._room < self._each_turn:
            self._renew_soon()

    def _call(self, line: deque[_Place], most: int) -> None:
        while line and most:
            place = line.popleft()
            if not place.done():  # who waited too long has gone
                place.set_result(None)
                most -= 1
                self._room -= 1
