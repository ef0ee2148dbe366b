"""Pure: limits how much work of one kind a shop does at the same time in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from domain.ids import ShopId
from domain.limits import RateReached, RateReason


class AtOnce:
    """Counts one kind of work. `most` is the maximum for a shop. `sentence` tells the caller that the maximum is
    reached. `retry_after` is the number of seconds that the caller must wait.
    """

    def __init__(self, most: int, reason: RateReason, sentence: str, *, retry_after: int) -> None:
        self._most = most
        self._reason = reason
        self._sentence = sentence
        self._retry_after = retry_after
        self._running: Counter[ShopId] = Counter()

    @contextmanager
    def one_more(self, shop: ShopId) -> Iterator[None]:
        """Wraps one piece of work. Raises RateReached if the shop does the maximum already."""
        if self._running[shop] >= self._most:
            raise RateReached(self._reason, self._sentence, retry_after=self._retry_after)
        self._running[shop] += 1
        try:
            yield
        finally:
            self._running[shop] -= 1
            if not self._running[shop]:
                del self._running[shop]
