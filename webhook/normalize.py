"""Turns body bytes into a Delivery: events to store, events to count, and parts that were not understood.

Each event is read on its own. An event that is not understood becomes a Skipped with a reason, and the other events are
still stored. If the service refused the delivery, Facebook would send all its events again, and would end the Page's
subscription after an hour.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from domain.event import Notice, Storable
from domain.ids import PageId
from domain.loose import ID_LENGTH
from webhook import changes, messaging
from webhook.values import Inexact, NotUnderstood, SkipReason, ident, parse, parse_exactly

_DASHBOARD = PageId("0")
"""The id that the dashboard's Test button sends as the Page. This Page belongs to no shop."""

_LISTS: Final[dict[str, Callable[[Any, PageId | None], Storable | Notice]]] = {
    "messaging": messaging.read,
    "standby": partial(messaging.read, standby=True),
    "changes": changes.read,
    "calls": changes.read_call,
    "changed_fields": changes.read_changed_field,
}
"""The lists of an entry, and for each list the function that reads one element. Every list is optional, and an entry
may have several.
"""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part that was not understood. It is counted and not stored. `page` is the Page of the entry, or None."""

    reason: SkipReason
    page: PageId | None


@dataclass(slots=True)
class Delivery:
    """The parts of one POST, each list in the order of the body."""

    events: list[Storable]
    notices: list[Notice]
    skipped: list[Skipped]


def normalize(body: bytes) -> Delivery:
    """Returns the delivery in a verified body. Raises PayloadRefused (not_json), and nothing else."""
    try:
        return _delivery(parse(body))
    except Inexact:
        return _delivery(parse_exactly(body))


def _delivery(envelope: Any) -> Delivery:
    delivery = Delivery([], [], [])
    if type(envelope) is not dict:
        delivery.skipped.append(Skipped("not_an_object", None))
    elif envelope.get("object") != "page":
        delivery.skipped.append(Skipped("other_object", None))
    elif type(entries := envelope.get("entry")) is not list:
        delivery.skipped.append(Skipped("malformed_entry", None))
    else:
        for entry in entries:
            _collect(entry, delivery)
    return delivery


def _collect(entry: Any, delivery: Delivery) -> None:
    """Add the content of one entry to the delivery. If the entry has no `id`, each of its events must name the Page."""
    if type(entry) is not dict:
        delivery.skipped.append(Skipped("malformed_entry", None))
        return
    try:
        page = None if entry.get("id") is None else PageId(ident(entry["id"], ID_LENGTH))
    except NotUnderstood as refusal:
        delivery.skipped.append(Skipped(refusal.reason, None))
        return
    empty = True
    for name, elements in entry.items():
        read = _LISTS.get(name)
        if read is None or elements is None:
            continue
        empty = False
        if type(elements) is not list:
            delivery.skipped.append(Skipped("malformed_entry", page))
        elif page == _DASHBOARD:
            delivery.notices.extend(Notice("dashboard_test", page) for _ in elements)
        else:
            for element in elements:
                try:
                    happening = read(element, page)
                except NotUnderstood as refusal:
                    delivery.skipped.append(Skipped(refusal.reason, page))
                    continue
                if isinstance(happening, Notice):
                    delivery.notices.append(happening)
                else:
                    delivery.events.append(happening)
    if empty:
        delivery.skipped.append(Skipped("empty_entry", page))
