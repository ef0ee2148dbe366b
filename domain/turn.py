"""When a piece of a shop's work may run."""

from collections.abc import Awaitable, Callable

from domain.ids import ShopId

Turn = Callable[[ShopId], Awaitable[None]]
"""Returns when the next piece of this shop's work may run: long work of one shop is done in pieces, and the shops take
turns. A piece takes about 0.3 ms."""
