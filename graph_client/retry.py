"""Pure: whether a call that failed is made again, when, and for how many items. Clock and chance are arguments."""

from dataclasses import dataclass
from typing import Final

from graph_client.errors import GraphError, GraphTimeout, GraphUnavailable, GraphUnreachable, TooMuchData

TRIES: Final = 3
"""Facebook's own hiccups are over by the third; what is not is an outage, and a fourth call only adds to it."""

TRY_SECONDS: Final = 8.0
"""Graph answers in well under a second, and now and then takes five; what takes longer seldom ends."""

DEADLINE_SECONDS: Final = 12.0
"""Limit: time of one Graph call with all its tries. One slow try and a second one fit; browsers and proxies allow 30 s
or more."""

FIRST_WAIT: Final = 0.2
"""Seconds, then twice as long each time: 0.2 to 0.4, 0.4 to 0.8."""

LEAST_SECONDS: Final = 0.5
"""With less time than this a try is not worth making: a call around the world takes as long."""

_MADE_AGAIN = (GraphUnavailable, GraphUnreachable, GraphTimeout)
"""What may have gone when one looks again. Reads are safe to repeat, and so are our three writes (subscribe the same
fields, unsubscribe). A dead token never comes back, a missing permission neither, and throttling is waited for."""


@dataclass(frozen=True, slots=True)
class Again:
    """Make the call again after `wait` seconds, for this many items."""

    wait: float
    items: int


def wait_before(try_number: int, draw: float) -> float:
    """Seconds before this try, the second being the first to wait; `draw`, from 0 to 1, keeps replicas apart."""
    return FIRST_WAIT * 2.0 ** (try_number - 2) * (1 + draw)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and for how long in seconds: one try, and all of them."""

    tries: int = TRIES
    try_seconds: float = TRY_SECONDS
    deadline: float = DEADLINE_SECONDS

    def next_step(self, error: GraphError, tries: int, items: int, left: float, draw: float) -> Again | None:
        """What to do after `tries` failed tries with `left` seconds to go; None is: give up, this error is the answer.

        Too much data is no failure of Facebook's: half is asked for at once, as often as a half is left. Tries that
        ended so need not be counted in `tries`.
        """
        if isinstance(error, TooMuchData):
            return Again(0.0, items // 2) if items > 1 and left >= LEAST_SECONDS else None
        if not isinstance(error, _MADE_AGAIN) or tries >= self.tries:
            return None
        wait = wait_before(tries + 1, draw)
        return Again(wait, items) if left - wait >= LEAST_SECONDS else None
