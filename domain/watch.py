"""When deliveries may have been lost, and which tokens end soon."""

from dataclasses import dataclass
from typing import Final, Literal

from domain.shop import TOKEN_WARNING_MS

Within = Literal["1d", "14d"]
"""How soon a token ends, as metrics are labelled."""

WITHIN: Final[dict[Within, int]] = {"1d": 24 * 60 * 60 * 1000, "14d": TOKEN_WARNING_MS}
"""The same in milliseconds. A token that ends within a day is counted under both."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Nobody took deliveries in from `began` on; seen to be over at `ended`. Milliseconds."""

    began: int
    ended: int
