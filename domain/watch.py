"""Outages in which deliveries may have been lost, and the periods in which a token counts as ending soon."""

from dataclasses import dataclass
from typing import Final, Literal

from domain.shop import TOKEN_WARNING_MS

Within = Literal["1d", "14d"]
"""How soon a token ends, as a label of metrics."""

WITHIN: Final[dict[Within, int]] = {"1d": 24 * 60 * 60 * 1000, "14d": TOKEN_WARNING_MS}
"""The periods in milliseconds. A token that ends within a day is counted under `1d` and under `14d`."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A period in which no replica took deliveries, or whose messages Redis lost. `began` is the start of the period.
    `ended` is when its end was noticed. Times are milliseconds."""

    began: int
    ended: int
