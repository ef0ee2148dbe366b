"""One thing that happens at a Page, the way Facebook writes it and what a receiver should make of it."""

from dataclasses import dataclass
from typing import Literal

from domain.ids import MessageId, PageId, Psid
from domain.message import Direction, Edit, Kind, Unsend

Container = Literal["messaging", "standby", "changes", "calls"]
"""The list inside an entry that carries it."""


@dataclass(frozen=True, slots=True)
class ExpectedMessage:
    """A message or postback that a receiver should keep; `sent_at` in milliseconds, `text` None where there is none."""

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
    """`part` goes into the entry's `container` list; `effect` is None when nothing of it may be kept.

    `later` is what Facebook should have sent first and sends in a later delivery: the message an early edit belongs to.
    """

    kind: str
    page: PageId
    container: Container
    part: object
    effect: Effect | None = None
    later: "Happening | None" = None
