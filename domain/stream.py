"""What a viewer of a shop's stream is told."""

from dataclasses import dataclass
from typing import Literal

StreamEventName = Literal["message", "edited", "erased", "purge", "live"]

Gap = Literal["unknown", "expired", "too_far"]
"""Why a stream cannot go on where a viewer left it: the id is none of ours; it is older than what is kept; or more has
been stored since than is sent again."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event; `data` is JSON. `position` is its moment in the shop's stored time, in microseconds: unique and
    rising; None for what is told live and never stored. `ends` is true for what no stream goes on after.
    """

    name: StreamEventName
    data: bytes
    position: int | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events, oldest first, and the position up to which everything is in them; `more` is stored behind it."""

    events: list[StreamEvent]
    position: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: `position`, and where the stored time stands now. With a `gap` both are now."""

    position: int
    now: int
    gap: Gap | None = None
