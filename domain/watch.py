"""When deliveries may have been lost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outage:
    """Nobody took deliveries in from `began` on; seen to be over at `ended`. Milliseconds."""

    began: int
    ended: int
