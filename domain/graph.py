"""What a shop may ask of Facebook's Graph API, and what it gets: fetched now, kept nowhere."""

from dataclasses import dataclass
from typing import Literal, get_args

from domain.ids import PageId
from domain.message import Fact

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
"""What hangs on a Page, on one of its posts, comments, live videos, conversations or messages, or a person who wrote to
it."""

EDGES: tuple[Edge, ...] = get_args(Edge)

Order = Literal["chronological", "reverse_chronological"]
Filter = Literal["toplevel", "stream"]

Limit = Literal["app", "pages", "messenger"]
"""Whose budget a call is charged to: the app's, or one of a Page's two."""


@dataclass(frozen=True, slots=True)
class GraphQuery:
    """One page of an edge.

    `object` is the id of the post, comment, conversation or person; None for an edge of the Page itself. `limit` is a
    maximum: fewer items do not mean the end. `after` is the cursor of the answer before. `since` and `until` in
    milliseconds. What an edge does not know stays None.
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
    """Items as Graph names their fields, and the opaque cursor to go on from; `after` None is the end."""

    items: list[Fact]
    after: str | None
