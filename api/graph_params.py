"""Pure: how callers ask for what is fetched from Facebook, as typed values.

`order`, `filter`, `since` and `until` are Graph's own, and stand only where its edge has them
(developers.facebook.com/docs/graph-api/reference/page/feed, .../object/comments).
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from api.params import PLAIN, Limit, Moment, Query, acceptable
from domain.graph import Edge, Filter, GraphQuery, Order
from domain.ids import PageId

LONGEST_AFTER = 2_048
"""Limit: characters of Facebook's cursor in `after`. The longest known ones, of comments, have a few hundred."""

_SINCE = "From this time on: RFC 3339 with its offset, or Unix seconds or milliseconds. Facebook counts in seconds."


def _after(text: str) -> str:
    if not acceptable(text, LONGEST_AFTER):
        raise ValueError(f"must be the `after` of an answer, of at most {LONGEST_AFTER} characters")
    return text


_After = Annotated[
    Annotated[str, Field(max_length=LONGEST_AFTER, json_schema_extra={"pattern": PLAIN}), AfterValidator(_after)]
    | None,
    Field(description="`after` of the answer before; leave it out for the first page. Do not keep it for long."),
]


class EdgeQuery(Query):
    """Which of them; every field here has its namesake in `GraphQuery`."""

    limit: Limit = 25
    after: _After = None

    def query(self, edge: Edge, page: PageId, object_id: str | None = None) -> GraphQuery:
        """The same, as the Graph's reader understands it."""
        return GraphQuery(edge, page, object_id, **self.model_dump())


class PostsQuery(EdgeQuery):
    """Which posts."""

    since: Moment = Field(None, description=_SINCE, examples=["2026-02-02T09:30:00+07:00"])
    until: Moment = Field(None, description="Until this time, written like `since`.", examples=["2026-02-03T00:00:00Z"])


class CommentsQuery(EdgeQuery):
    """Which comments."""

    order: Order | None = Field(None, description="Facebook's own choice when absent.", examples=["chronological"])
    filter: Filter | None = Field(
        None,
        description="`toplevel`, Facebook's choice when absent: answers to the object itself. `stream`: those of every "
        "level, flat.",
        examples=["stream"],
    )
    since: Moment = Field(None, description=_SINCE, examples=["2026-02-02T09:30:00+07:00"])
