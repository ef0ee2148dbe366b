"""Pure: decides which refusals concern only one conversation, and when that conversation is tried again. Times are
milliseconds.
"""

from dataclasses import replace
from typing import Final

from domain.heal import Unhealed
from graph_client.errors import (
    NO_ANSWER,
    GraphError,
    GraphRefused,
    GraphTimeout,
    ObjectNotFound,
    ParameterRefused,
    PermissionMissing,
    TooMuchData,
)

FIRST_PAUSE: Final = 5 * 60 * 1000
"""The pause before the second try. Each further pause is twice as long as the last pause."""

LONGEST_PAUSE: Final = 12 * 60 * 60 * 1000

GONE_PAUSE: Final = 60 * 1000
"""The pause before a conversation that Graph calls gone is tried again. A new conversation may not be known on all of
Facebook's machines yet.
"""

GONE_TRIES: Final = 3
"""Tries after which a conversation that Facebook does not find counts as deleted."""

MOST_UNHEALED: Final = 500
"""Refused conversations of one Page. If there are more, the refusal does not concern one conversation, and the walk
ends.
"""

OUTAGE_REFUSALS: Final = 3
"""After failures at this many conversations in a row, Graph counts as down."""

_OF_ONE: Final = (ObjectNotFound, ParameterRefused, PermissionMissing, GraphRefused, TooMuchData)


def is_refusal(error: GraphError) -> bool:
    """Returns whether the conversation is added to the refused ones. A dead token, a used-up budget or a wrong proof is
    not caused by a conversation.
    """
    return isinstance(error, _OF_ONE + NO_ANSWER)


def is_failure(error: GraphError) -> bool:
    """Returns whether the error may be an outage of Graph instead of a refusal of this conversation."""
    return isinstance(error, NO_ANSWER)


def is_outage(error: GraphError, in_a_row: int) -> bool:
    """Returns whether Graph as a whole is down. An error that Graph itself reports (code 1 or 2) may concern one
    conversation only.
    """
    reported = error.code is not None or isinstance(error, GraphTimeout)
    return is_failure(error) and (not reported or in_a_row >= OUTAGE_REFUSALS)


def refused_again(entry: Unhealed, reason: str, now: int) -> Unhealed | None:
    """Returns the entry after one more refusal, or None if the conversation is given up."""
    tries = entry.tries + 1
    gone = reason == entry.reason == ObjectNotFound().reason
    if now >= entry.until or (gone and tries >= GONE_TRIES):
        return None
    return replace(entry, reason=reason, tries=tries, next_try_at=min(now + pause(reason, tries), entry.until))


def pause(reason: str, tries: int) -> int:
    """Returns the pause before the next try, from the number of tries so far."""
    first = GONE_PAUSE if reason == ObjectNotFound().reason else FIRST_PAUSE
    return min(first << min(tries - 1, 20), LONGEST_PAUSE)
