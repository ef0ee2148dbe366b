"""Shares the event loop between shops. In each iteration one piece of work runs, and the waiting shops take turns.

A long read is done in pieces of about 0.3 ms. One shop can have many reads, exports and viewers at the same time, but
all of them together get only the shop's turns. So a read of another shop waits for one piece and not for all pieces. A
delivery needs several iterations, and in each iteration it waits for at most one piece.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from app.start_queue import StartQueue
from domain.ids import ShopId

PIECE_SECONDS: Final = 0.0003
"""The time of a piece. In this time, about 60 messages can be read whose telephone numbers are cached. It is also
enough to search in one message with the slowest text that an attacker can write."""


class ShopTurns:
    """Shares one event loop between the shops."""

    def __init__(self) -> None:
        self._ends = 0.0
        """The time at which the current piece must end."""
        self._waiting = StartQueue[Callable[[], None]]()
        self._used = False
        """Whether a piece has run in this iteration."""

    async def turn(self, shop: ShopId) -> None:
        """Return when the next piece of this shop's work may run."""
        if self._used and not self._waiting:
            # No other work waits, so this work can run in the next iteration and needs no queue. A read of 50 messages
            # is a tenth faster without the queue than with it.
            await asyncio.sleep(0)
        if not self._used:
            self._use()
            self._ends = time.perf_counter() + PIECE_SECONDS
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(shop, partial(_resolve, future))
        await future
        self._ends = time.perf_counter() + PIECE_SECONDS

    def over(self) -> bool:
        """Returns whether the time of the current piece is over. If so, the next piece needs another turn."""
        return time.perf_counter() > self._ends

    def call(self, shop: ShopId, run: Callable[[], None]) -> None:
        """Call `run` when the next piece of this shop's work may run."""
        self._waiting.add(shop, run)
        if not self._used:
            self._use()

    def _use(self) -> None:
        self._used = True
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        waiting = self._waiting.take(1)
        self._used = bool(waiting)
        for run in waiting:
            run()
            # `run` wakes a task. The task runs before the next call of `_next`, so by then it can wait in the queue
            # again.
            asyncio.get_running_loop().call_soon(self._next)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():  # the future is done if the waiting task was cancelled
        future.set_result(None)
