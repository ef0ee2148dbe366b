"""Pure: the people who write, and the earlier events of each conversation, so that later events can refer to them."""

import base64
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from domain.ids import MessageId, PageId, Psid
from simulator.texts import full_name

_REMEMBERED = 8
"""The number of messages to which each side of a conversation can refer. Older messages are dropped, so memory is
bounded."""

MOST_EDITS = 5
"""The number of edits of one message that Messenger allows."""


def new_mid(rng: random.Random) -> MessageId:
    """Today's form: `m_` and 86 characters of base64url, which are 64 bytes."""
    return MessageId("m_" + base64.urlsafe_b64encode(rng.randbytes(64)).rstrip(b"=").decode())


@dataclass(slots=True)
class Written:
    """A text that its writer can still edit, unsend or answer."""

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
        """Returns the customer's texts that Messenger still allows to be edited."""
        return [written for written in self.by_customer if written.edits < MOST_EDITS]


class Crowd:
    """The customers of some Pages. Facebook gives one person a different id at each Page, so two Pages never share an
    id."""

    def __init__(self, pages: Sequence[PageId], customers: int, rng: random.Random) -> None:
        self._conversations = [
            Conversation(page, psid, full_name(rng)) for psid, page in _people(pages, customers, rng)
        ]

    def __iter__(self) -> Iterator[Conversation]:
        """Iterates over all customers."""
        return iter(self._conversations)

    def pick(self, rng: random.Random) -> Conversation:
        """Returns a random customer. A few write often and most write rarely, as in any shop."""
        return self._conversations[int(len(self._conversations) * rng.random() ** 2)]


def _people(pages: Sequence[PageId], customers: int, rng: random.Random) -> Iterator[tuple[Psid, PageId]]:
    # sample() makes different ids. The Pages take turns, so every Page has customers who write often.
    ids = rng.sample(range(7_000_000_000_000_000, 7_999_999_999_999_999), customers * len(pages))
    for position, number in enumerate(ids):
        yield Psid(str(number)), pages[position % len(pages)]
