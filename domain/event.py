"""The events that a delivery can hold, as a closed union."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from domain.ids import ConversationId, PageId
from domain.message import Edit, Fact, Message, Unsend

NoticeKind = Literal[
    "reaction",
    "read",
    "delivery",
    "typing",
    "referral",
    "optin",
    "account_linking",
    "thread_control",
    "app_roles",
    "policy_enforcement",
    "customer_information",
    "feedback",
    "order",
    "game_play",
    "call",
    "feed",
    "mention",
    "conversations",
    "leadgen",
    "ratings",
    "live_videos",
    "videos",
    "dashboard_test",
    "values_missing",
    "other",
]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that is never stored. It is counted by kind and sent to viewers.

    `sent_at` is Facebook's time in milliseconds. `facts` are the other members that viewers get, with the API's names.
    """

    kind: NoticeKind
    page: PageId
    conversation: ConversationId | None = None
    sent_at: int | None = None
    facts: Fact = field(default_factory=dict)


Storable = Message | Edit | Unsend
"""Events that change the store."""

Outcome = Literal[
    "stored",
    "duplicate",
    "erased",
    "too_old",
    "unknown_page",
    "paused",
    "blocked",
    "edited",
    "edit_outdated",
    "edit_waiting",
    "unsent",
    "unreadable",
]
"""The result of a storable event. `erased`: the message was purged or unsent and stays deleted. `blocked`: the customer
objected to storage. `edit_outdated`: a newer edit is stored. `edit_waiting`: the edit came before its message.
`unreadable`: the record of the edited message is damaged.
"""

Settle = Callable[[list[Outcome] | Exception], None]
"""Called once: with an outcome for each event when all events are done, or with an error if some may not be stored."""
