"""One event at a Page: Facebook's JSON for it, and the data that a receiver should keep."""

from dataclasses import dataclass
from typing import Literal

from domain.ids import MessageId, PageId, Psid
from domain.message import Direction, Edit, Kind, Unsend

Container = Literal["messaging", "standby", "changes", "calls"]
"""The list of an entry that has the event."""


@dataclass(frozen=True, slots=True)
class ExpectedMessage:
    """A message or postback that a receiver should keep. `sent_at` is in milliseconds. `text` is None without a
    text."""

    page: PageId
    mid: MessageId
    customer: Psid
    direction: Direction
    kind: Kind
    sent_at: int
    text: str | None


Effect = ExpectedMessage | Edit | Unsend


@dataclass(frozen=True, slots=True)
class Happening:
    """`part` is an element of the entry's `container` list. `effect` is None if a receiver must keep nothing. `later`
    is the message of an edit or unsend that comes too early. Facebook sends it in a later delivery.
    """

    kind: str
    page: PageId
    container: Container
    part: object
    effect: Effect | None = None
    later: "Happening | None" = None
