"""Pure: the envelope of a delivery, and whole deliveries that tests and load runs write themselves."""

from collections.abc import Iterable

from domain.ids import MessageId, PageId, Psid
from simulator.happening import Container
from simulator.serialize import Document

_NOTIFIED_AFTER = 377
"""Milliseconds between an event and its notification; a typical figure."""


def delivery(entries: Iterable[Document]) -> Document:
    """A whole delivery for the `page` object."""
    return {"object": "page", "entry": list(entries)}


def entry(page: PageId, time: int, container: Container, parts: Iterable[object]) -> Document:
    """The events of one Page. `time` is in milliseconds. As at Facebook, `changes` and `calls` have it in seconds."""
    spelled = time // 1000 if container in ("changes", "calls") else time
    return {"id": page, "time": spelled, container: list(parts)}


def from_customer(page: PageId, psid: Psid, sent_at: int, **content: object) -> Document:
    """A `messaging` element from a person. `content` has the key that names its kind. `sent_at` is in milliseconds."""
    return {"sender": {"id": psid}, "recipient": {"id": page}, "timestamp": sent_at, **content}


def from_page(page: PageId, psid: Psid, sent_at: int, **content: object) -> Document:
    """A `messaging` element from the Page: the Page is the sender, and the person is the recipient."""
    return {"sender": {"id": page}, "recipient": {"id": psid}, "timestamp": sent_at, **content}


def one_message(page: PageId, psid: Psid, text: str, mid: MessageId, sent_at: int) -> Document:
    """A delivery of one text by one customer; `sent_at` in milliseconds."""
    part = from_customer(page, psid, sent_at, message={"mid": mid, "text": text})
    return delivery([entry(page, sent_at + _NOTIFIED_AFTER, "messaging", [part])])
