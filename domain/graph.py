"""A shop's requests to Facebook's Graph API, and their results. Answers are fetched on request and never stored."""

from dataclasses import dataclass
from typing import Literal, get_args

from domain.ids import PageId
from domain.message import Fact
from domain.shop import Credentials

Edge = Literal[
    "posts",
    "videos",
    "live_videos",
    "comments",
    "live_comments",
    "replies",
    "conversations",
    "conversation_messages",
    "attachments",
    "customer",
]
"""What can be fetched: a list of a Page or of one of its posts, comments, live videos, conversations or messages, or
the profile of a person who wrote to the Page.
"""

EDGES: tuple[Edge, ...] = get_args(Edge)

Order = Literal["chronological", "reverse_chronological"]
Filter = Literal["toplevel", "stream"]

Limit = Literal["app", "pages", "messenger"]
"""The budget that a call is charged to: the app's, or one of a Page's two budgets."""


@dataclass(frozen=True, slots=True)
class GraphQuery:
    """One list page of an edge.

    `object` is the id of the post, comment, conversation or person. It is None for an edge of the Page itself. If
    `object` is a person, the edge `conversations` has only the conversation with this person. `limit` is a maximum: a
    list page with fewer items is not always the last one. `after` is the cursor of the list page before. `since` and
    `until` are in milliseconds. A parameter that an edge does not have is None.
    """

    edge: Edge
    page: PageId
    object: str | None = None
    limit: int = 25
    after: str | None = None
    order: Order | None = None
    filter: Filter | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """Items with Graph's field names, and the opaque cursor of the next list page. On the last, `after` is None."""

    items: list[Fact]
    after: str | None


@dataclass(frozen=True, slots=True)
class CallSlot:
    """The token for a call, and when the call may be sent. `credentials` is None if the Page is connected for webhooks
    only. If `held` is not 0, no call is allowed for `held` seconds, and no place is reserved for this call. If `held`
    is 0, the call may be sent after `wait` seconds.
    """

    credentials: Credentials | None
    held: float
    wait: float
