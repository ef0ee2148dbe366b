"""How much to measure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Say = Callable[[str], None]
"""Prints a line of progress."""

GRAND_MESSAGES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Effort:
    """Rounds of every figure, seconds of one load, and by how much counts of messages are divided (`--quick`)."""

    rounds: int = 3
    seconds: float = 1.5
    divisor: int = 1
    full: bool = False
    """Also what takes minutes: a million kept messages."""

    def count(self, usual: int) -> int:
        """How many instead of the usual."""
        return max(usual // self.divisor, 50)
