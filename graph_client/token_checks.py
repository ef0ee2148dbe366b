"""Limits how many checks of Page tokens Facebook may refuse per shop. Pure, except for the clock."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain import limits
from domain.errors import PageInboxError
from domain.ids import ShopId

_WINDOW_MS = limits.REFUSED_TOKENS_SECONDS * 1000


class TokenChecks:
    """Counts the checks of each shop that were refused or are in progress. `now` is Unix milliseconds."""

    def __init__(self, *, now: Callable[[], int]) -> None:
        self._now = now
        self._begun: defaultdict[ShopId, deque[int]] = defaultdict(deque)

    @contextmanager
    def check(self, shop: ShopId) -> Iterator[None]:
        """Wraps one check. The check counts while it runs. If Facebook refuses the token, it also counts afterwards.

        Raises:
            RateReached: too many checks of this shop were refused.
        """
        begun = self._begun[shop]
        now = self._now()
        while begun and begun[0] <= now - _WINDOW_MS:
            begun.popleft()
        if len(begun) >= limits.REFUSED_TOKENS:
            sentence = "Facebook has refused too many Page tokens of this shop. Check the token, then try again later."
            wait = -(-(begun[0] + _WINDOW_MS - now) // 1000)
            raise limits.RateReached("too_many_refused_tokens", sentence, retry_after=max(1, wait))
        begun.append(now)
        try:
            yield
        except PageInboxError as error:
            if error.kind in {"invalid", "conflict"}:
                raise
            begun.remove(now)  # Facebook is down, or the app's own token is refused
            raise
        begun.remove(now)
