"""The interface with which the shops share the event loop."""

from typing import Protocol

from domain.ids import ShopId


class Turns(Protocol):
    """Long work for a shop is done in pieces of about 0.3 ms. Shops whose work waits take turns."""

    async def turn(self, shop: ShopId, /) -> None:
        """Return when the next piece of this shop's work may run."""
        ...

    def over(self) -> bool:
        """Returns whether the current piece has used its time. If so, the next piece must wait for another turn."""
        ...
