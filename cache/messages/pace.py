"""How many messages go into one round trip to the store, and how long a new message would wait for its own. Pure.

Round trips show when the store is too slow: they are made smaller until they are short again, and then grow back. What
would wait too long is refused at once, while its sender still has the time to ask another replica. A queue that is
bounded only by its length is as long in time as the store is slow.
"""

from collections.abc import Callable
from typing import Final

MOST: Final = 5_000
"""Messages in one round trip."""
FEWEST: Final = 250
"""One call of the script; less would not make a round trip shorter."""
LONG_SECONDS: Final = 0.2
"""A round trip that takes longer is made smaller. Three of them wait for each other within the second below."""
SHORT_SECONDS: Final = 0.05
"""One that was full and took less may grow."""
WAIT_SECONDS: Final = 0.75
"""Until it is stored, as far as round trips can tell; reading, sealing and answering come on top (docs/adr/0021)."""


class Pace:
    """The pace of one writer, which has one round trip under way at a time. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None
        self._took = 0.0
        self.messages = MOST
        """As many as may go into the next round trip."""

    def begin(self) -> None:
        """A round trip begins."""
        self._began = self._clock()

    def end(self, messages: int) -> None:
        """It has ended, with so many messages, well or not."""
        began, self._began = self._began, None
        self._took = 0.0 if began is None else self._clock() - began
        if self._took > LONG_SECONDS:
            if messages > FEWEST:  # fewer that took long would take as long in any other number
                self.messages = max(min(messages, self.messages) // 2, FEWEST)
        elif self._took < SHORT_SECONDS and messages >= self.messages:
            self.messages = min(self.messages * 2, MOST)

    def too_long(self, ahead: int) -> bool:
        """Whether what comes behind so many waiting messages would wait too long; its own size does not count, since
        nobody can send it in smaller pieces.

        Never where none is under way: somebody must find out how the store is.
        """
        if self._began is None:
            return False
        elapsed = self._clock() - self._began
        trip = max(self._took, elapsed)
        trips = ahead // self.messages + 1
        # keeps: too much is refused at once
        return trip - elapsed + trip * trips > WAIT_SECONDS
