"""Pure: the typed parameters of the routes that read from Facebook.

`order`, `filter`, `since` and `until` are parameters of Graph. A route accepts such a parameter only if Graph's edge
accepts it (developers.facebook.com/docs/graph-api/reference/page/feed, .../object/comments).
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from api.params import PLAIN, Id, LimitParameter, Query, TimeParameter, acceptable
from domain.graph import Edge, Filter, GraphQuery, Order
from domain.ids import PageId

LONGEST_AFTER = 2_048
"""Limit: characters of Facebook's cursor in `after`. The longest known cursors are those of comments, with a few
hundred characters.
"""

MOST_CUSTOMERS = 50
"""Limit: customers in one request. Each customer needs a call to Facebook. A list shows a few dozen customers at a
time.
"""
LONGEST_IDS = 4_096
_CONVERSATION = re.compile(r"[0-9]{1,32}_[0-9A-Za-z:.-]{1,48}")

_Since = Annotated[
    TimeParameter,
    Field(
        description="From this time on: RFC 3339 with its offset, or Unix seconds or milliseconds. Facebook counts in "
        "seconds.",
        examples=["2026-02-02T09:30:00+07:00"],
    ),
]


def _after(text: str) -> str:
    if not acceptable(text, LONGEST_AFTER):
        raise ValueError(f"must be the `after` of an answer, of at most {LONGEST_AFTER} characters")
    return text


def _ids(text: str) -> str:
    ids = text.split(",")
    if len(ids) > MOST_CUSTOMERS or not all(_CONVERSATION.fullmatch(one) for one in ids):
        raise ValueError(f"must be 1 to {MOST_CUSTOMERS} ids of conversations, separated by commas")
    return text


_After = Annotated[
    Annotated[str, Field(max_length=LONGEST_AFTER, json_schema_extra={"pattern": PLAIN}), AfterValidator(_after)]
    | None,
    Field(description="The `after` of the previous answer. Leave it out for the first page. Do not keep it for long."),
]


class EdgeQuery(Query):
    """The parameters that choose items. Each field has the same name here and in `GraphQuery`."""

    limit: LimitParameter = 25
    after: _After = None

    def query(self, edge: Edge, page: PageId, object_id: str | None = None) -> GraphQuery:
        """Returns the same query for the Graph reader."""
        return GraphQuery(edge, page, object_id, **self.model_dump())


class InboxQuery(EdgeQuery):
    """The parameters that choose conversations at Facebook."""

    customer: Id | None = Field(None, description="Only the conversation with this customer.")

    def query(self, edge: Edge, page: PageId, object_id: str | None = None) -> GraphQuery:
        """Returns the same query for the Graph reader, with the customer as its object."""
        return GraphQuery(edge, page, self.customer, self.limit, self.after)


class CustomersQuery(Query):
    """The parameter that chooses customers."""

    ids: Annotated[
        str,
        Field(
            max_length=LONGEST_IDS,
            description=f"Up to {MOST_CUSTOMERS} ids of conversations, separated by commas. Each id names a Page and "
            "a customer.",
            json_schema_extra={"pattern": PLAIN},
            examples=["104200000000001_7000000000000001,104200000000001_7000000000000002"],
        ),
        AfterValidator(_ids),
    ]

    def conversations(self) -> list[str]:
        """Returns the ids without repetitions."""
        return list(dict.fromkeys(self.ids.split(",")))


class PostsQuery(EdgeQuery):
    """The parameters that choose posts."""

    since: _Since = None
    until: TimeParameter = Field(
        None, description="Until this time, written like `since`.", examples=["2026-02-03T00:00:00Z"]
    )


class CommentsQuery(EdgeQuery):
    """The parameters that choose comments."""

    order: Order | None = Field(None, description="If absent, Facebook chooses the order.", examples=["chronological"])
    filter: Filter | None = Field(
        None,
        description="`toplevel` (the default at Facebook): answers to the object itself. `stream`: answers of every "
        "level, in one flat list.",
        examples=["stream"],
    )
    since: _Since = None
