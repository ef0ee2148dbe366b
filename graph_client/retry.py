"""Pure: whether a failed call is repeated, when, and for how many items. Clock and random number are arguments."""

from dataclasses import dataclass
from typing import Final

from graph_client.errors import NO_ANSWER, GraphError, TooMuchData

TRIES: Final = 3
"""The maximum number of tries. Facebook's short failures are over by the third try. A longer failure is an outage, and
a fourth try would only add to Facebook's load.
"""

TRY_SECONDS: Final = 8.0
"""Seconds of one try. Graph usually answers within a second, and sometimes within five. A longer call rarely succeeds.
"""

DEADLINE_SECONDS: Final = 12.0
"""Limit: time of one Graph call with all its tries. It is enough for one slow try and a second try. Browsers and
proxies wait 30 s or more.
"""

FIRST_WAIT: Final = 0.2
"""Seconds of the first wait. Each next wait is twice as long: 0.2 to 0.4, then 0.4 to 0.8."""

LEAST_SECONDS: Final = 0.5
"""No try begins with fewer seconds left, because a call around the world takes about half a second."""


@dataclass(frozen=True, slots=True)
class Again:
    """Repeat the call after `wait` seconds, for this many items."""

    wait: float
    items: int


def wait_before(try_number: int, draw: float) -> float:
    """Returns the seconds before this try. Only the first try starts without a wait. `draw`, from 0 to 1, gives
    replicas different waits.
    """
    return FIRST_WAIT * 2.0 ** (try_number - 2) * (1 + draw)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The number of tries, and the longest time in seconds of one try and of all tries."""

    tries: int = TRIES
    try_seconds: float = TRY_SECONDS
    deadline: float = DEADLINE_SECONDS

    def next_step(self, error: GraphError, tries: int, items: int, left: float, draw: float) -> Again | None:
        """Returns what to do after `tries` failed tries with `left` seconds to go. None means that this error is the
        answer. Too much data is not a failure of Facebook: half of the items are requested without a wait, until one
        item is left. Tries that ended with too much data need not be counted in `tries`.
        """
        if isinstance(error, TooMuchData):
            return Again(0.0, items // 2) if items > 1 and left >= LEAST_SECONDS else None
        # Reads are safe to repeat, and so are the two writes (subscribe the same fields, unsubscribe). A repeat does
        # not repair other errors: a dead token, a missing permission, a used-up budget.
        if not isinstance(error, NO_ANSWER) or tries >= self.tries:
            return None
        wait = wait_before(tries + 1, draw)
        return Again(wait, items) if left - wait >= LEAST_SECONDS else None
