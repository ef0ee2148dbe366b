"""The parts of one delivery after parsing."""

from dataclasses import dataclass
from typing import Literal

from domain.event import Notice, Storable
from domain.frozen import frozen
from domain.ids import PageId

SkipReason = Literal[
    "not_an_object",  # the body is JSON, but no object
    "other_object",  # `object` is not `page`: another product's webhook
    "malformed_entry",  # `entry`, one of its elements or one of their lists has the wrong type
    "empty_entry",  # an entry without any list we know
    "malformed_event",  # an event, or a part of it that we need, has the wrong type
    "unknown_event",  # an event without any key we know
    "bad_id",  # an id of a wrong type, empty, too long or damaged
    "no_mid",  # a message, edit or unsend that does not say which
    "no_page",  # neither the entry nor the event says which Page
    "no_sender",  # a customer without a page-scoped id (`user_ref`: a visitor who has not written yet)
    "no_recipient",  # an echo without a recipient
    "page_mismatch",  # the entry and the event name different Pages
]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part that was not understood: it is counted and not kept. `page` is set where the entry names one."""

    reason: SkipReason
    page: PageId | None


@frozen
class Delivery:
    """The parts of one POST, each list in the order of the body."""

    events: list[Storable]
    notices: list[Notice]
    skipped: list[Skipped]


class NotUnderstood(Exception):
    """Raised while one event is read. `normalize` turns it into a Skipped."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason: SkipReason = reason
