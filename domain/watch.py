"""Outages in which deliveries may have been lost, and the time ranges of tokens that end soon."""

from dataclasses import dataclass
from typing import Final, Literal

from domain.shop import TOKEN_WARNING_MS

Within = Literal["1d", "14d"]
"""How soon a token ends, as a label of metrics."""

WITHIN: Final[dict[Within, int]] = {"1d": 24 * 60 * 60 * 1000, "14d": TOKEN_WARNING_MS}
"""The same times in milliseconds. A token that ends within a day is counted under both."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which no replica took deliveries, from `began`. `ended` is when its end was noticed. Milliseconds."""

    began: int
    ended: int
