"""What a stream sends to a shop's viewers."""

from dataclasses import dataclass
from typing import Literal

from domain.event import Notice
from domain.ids import PurgeId
from domain.kept import KeptMessage
from domain.message import Unsend
from domain.shop import PurgeTarget

StreamEventName = Literal["message", "edited", "erased", "purge", "live"]

Gap = Literal["unknown", "expired", "too_far"]
"""Why a stream cannot go on where a viewer left it: the id is not one of this service; it is older than what is kept;
or more has been stored since then than is sent again."""

End = Literal["left", "slow", "purge", "token_expired", "closing", "failed"]
"""Why a stream ended: the viewer closed it; the viewer did not read what was sent; the shop was purged; the token
ended; the service stops; an error of the service."""


@dataclass(frozen=True, slots=True)
class PurgeEvent:
    """Something was deleted at the shop's request."""

    id: PurgeId
    what: PurgeTarget


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: a `KeptMessage` for `message` and `edited`, an `Unsend` for `erased`, a `Notice` for `live`.

    `position` is its moment in the shop's stored time, in microseconds: unique and rising; None for a notice, which is
    never stored.
    """

    name: StreamEventName
    content: KeptMessage | Unsend | PurgeEvent | Notice
    position: int | None = None

    @property
    def ends(self) -> bool:
        """Whether no stream goes on after it: the whole shop was purged."""
        return isinstance(self.content, PurgeEvent) and self.content.what == "shop"


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
