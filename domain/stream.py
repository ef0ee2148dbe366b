"""The events of a stream to a shop's viewers."""

from dataclasses import dataclass
from typing import Literal

from domain.event import Notice
from domain.ids import PurgeId
from domain.kept import KeptMessage, StaffMark
from domain.message import Unsend
from domain.purge import PurgeTarget

StreamEventName = Literal["message", "edited", "erased", "purge", "marked", "live"]

Gap = Literal["unknown", "expired", "too_far"]
"""Why a stream cannot continue after the last event that a viewer got. `unknown`: this service did not make the event's
id. `expired`: the id is older than the stored events. `too_far`: too many events came after it to be sent again.
"""

SentEnd = Literal["slow", "purge", "token_expired", "closing", "failed"]
"""Why the service ends a stream: the viewer read too slowly; the shop was purged; the token ended; the service is
stopping; the service had an error. The event `end` has this reason.
"""

End = Literal[SentEnd, "left"]
"""Why a stream ended: the service ended it, or the viewer closed it."""


@dataclass(frozen=True, slots=True)
class PurgeEvent:
    """Something was deleted at the shop's request."""

    id: PurgeId
    what: PurgeTarget


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event. Its value is a `KeptMessage` for `message` and `edited`, an `Unsend` for `erased`, a `StaffMark` for
    `marked`, and a `Notice` for `live`.

    `position` is the event's moment in the shop's stored time, in microseconds. Positions are unique and rise. A notice
    has None, because it is never stored.
    """

    name: StreamEventName
    content: KeptMessage | Unsend | PurgeEvent | StaffMark | Notice
    position: int | None = None

    @property
    def ends(self) -> bool:
        """Returns whether the stream ends after this event, because the whole shop was purged."""
        return isinstance(self.content, PurgeEvent) and self.content.what == "shop"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events, oldest first. They are complete up to `position`. `more` says whether later events are stored."""

    events: list[StreamEvent]
    position: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: at `position`. `now` is the shop's current stored time. With a `gap`, both are equal."""

    position: int
    now: int
    gap: Gap | None = None
