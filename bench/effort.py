"""The size of a measurement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Say = Callable[[str], None]
"""Prints a line of progress."""

GRAND_MESSAGES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Effort:
    """The rounds of every figure, the seconds of one load, and the divisor of message counts (`--quick`)."""

    rounds: int = 3
    seconds: float = 1.5
    divisor: int = 1
    full: bool = False
    """Whether to measure figures that take minutes, such as a million kept messages."""

    def count(self, usual: int) -> int:
        """Returns the usual number divided by `divisor`, but at least 50."""
        return max(usual // self.divisor, 50)
