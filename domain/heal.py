"""The healing of a Page: the progress of fetching missed messages, and the conversations that could not be fetched."""

from dataclasses import dataclass
from typing import Literal

HealStatus = Literal["running", "complete", "cut_short"]

CutReason = Literal["cursor_repeated", "nothing_new", "too_long", "too_many_refused"]
"""Why a walk stopped before the end of its list: Graph repeated a cursor; several list pages in a row had nothing new;
the list was longer than the limit; too many conversations were refused.
"""


@dataclass(frozen=True, slots=True)
class Unhealed:
    """A conversation that Graph refused. Times are milliseconds.

    `reason` is the slug of the refusal, or a `CutReason`. Messages from `since` on are missing. The conversation is
    tried again at `next_try_at`, and given up at `until`. At `until`, every message that may be missing is older than
    five days.
    """

    conversation: str
    reason: str
    since: int
    until: int
    tries: int
    next_try_at: int


@dataclass(frozen=True, slots=True)
class Heal:
    """One run through a Page's conversations, and the conversations that earlier runs could not fetch. Times are
    milliseconds.

    Messages from `since` on are fetched. `conversations`, `messages` and `stored` are the numbers of visited
    conversations, fetched messages and new messages. `reason` says why a run was `cut_short`. `after` is the cursor at
    which the list continues in the next turn. During a run, a conversation with a new message moves to the top of the
    list, where the run has already been. `last_look` is True while the run fetches these conversations.
    """

    since: int
    began_at: int
    status: HealStatus = "running"
    ended_at: int | None = None
    reason: CutReason | None = None
    conversations: int = 0
    messages: int = 0
    stored: int = 0
    after: str | None = None
    last_look: bool = False
    unhealed: tuple[Unhealed, ...] = ()

    @property
    def next_try_at(self) -> int | None:
        """Returns the time of the next try of a refused conversation, or None if no conversation was refused."""
        return min((one.next_try_at for one in self.unhealed), default=None)

    def due(self, now: int) -> tuple[Unhealed, ...]:
        """Returns the refused conversations whose pause is over."""
        return tuple(one for one in self.unhealed if one.next_try_at <= now)
