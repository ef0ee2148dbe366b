"""The interface with which the shops share the event loop."""

from typing import Protocol

from domain.ids import ShopId


class Turns(Protocol):
    """Long work of one shop is done in pieces of about 0.3 ms. The shops that wait take turns."""

    async def turn(self, shop: ShopId, /) -> None:
        """Return when the next piece of this shop's work may run."""
        ...

    def over(self) -> bool:
        """Returns whether the current piece has used its time. Then the next piece needs another turn."""
        ...
