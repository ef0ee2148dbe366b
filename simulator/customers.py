"""Pure: the people who write, and what each conversation remembers so that later events can refer to earlier ones."""

import base64
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from domain.ids import MessageId, PageId, Psid
from simulator.texts import full_name

_REMEMBERED = 8
"""Messages each side of a conversation may still refer to; older ones are forgotten, so memory stays bounded."""

MOST_EDITS = 5
"""As often as Messenger lets a message be edited."""


def new_mid(rng: random.Random) -> MessageId:
    """Today's form: `m_` and 86 characters of base64url, which are 64 bytes."""
    return MessageId("m_" + base64.urlsafe_b64encode(rng.randbytes(64)).rstrip(b"=").decode())


@dataclass(slots=True)
class Written:
    """A text its writer may still edit, take back or answer to."""

    mid: MessageId
    text: str
    edits: int = 0


@dataclass(slots=True)
class Conversation:
    """One customer at one Page."""

    page: PageId
    psid: Psid
    name: str
    turn: int = 0
    by_customer: deque[Written] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    by_page: deque[MessageId] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def editable(self) -> list[Written]:
        """The customer's texts that Messenger would still let him edit."""
        return [written for written in self.by_customer if written.edits < MOST_EDITS]


class Crowd:
    """The customers of some Pages. The same person would have another id at another Page, so ids are never shared."""

    def __init__(self, pages: Sequence[PageId], customers: int, rng: random.Random) -> None:
        self._conversations = [
            Conversation(page, psid, full_name(rng)) for psid, page in _people(pages, customers, rng)
        ]

    def __iter__(self) -> Iterator[Conversation]:
        """Everybody."""
        return iter(self._conversations)

    def pick(self, rng: random.Random) -> Conversation:
        """Somebody; a few are busy and most are quiet, as in any shop."""
        return self._conversations[int(len(self._conversations) * rng.random() ** 2)]


def _people(pages: Sequence[PageId], customers: int, rng: random.Random) -> Iterator[tuple[Psid, PageId]]:
    # sample() keeps the ids apart; taking turns lets every Page have busy customers.
    ids = rng.sample(range(7_000_000_000_000_000, 7_999_999_999_999_999), customers * len(pages))
    for position, number in enumerate(ids):
        yield Psid(str(number)), pages[position % len(pages)]
