"""Pure: the parameters that callers send, as typed values. `/openapi.json` is made from the same models.

The bodies are in api/bodies.py, and the queries to Facebook are in api/graph_params.py. The service refuses unknown
parameters and fields (a misspelt filter must not widen a purge), repeated parameters, and values out of range. An empty
parameter (`?cursor=`) counts as absent, because a form sends an empty value for a field that is not filled in.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.json_schema import WithJsonSchema

from api.search import Has, Search, folded
from domain.errors import Kind, PageInboxError
from domain.ids import ConversationId, PageId
from domain.message import Direction
from domain.moment import LAST_MOMENT, from_text
from domain.query import MessageQuery

LONGEST_ID = 512
"""Limit: characters of an id in a path or query. The ids of Facebook and of this service are shorter."""

LONGEST_CURSOR = 1_024
"""Limit: characters of a cursor. The service's cursors have fewer than 100."""

LONGEST_WORDS = 100
"""Limit: characters of a search text. An order's number, a name or a telephone number is shorter."""

MOST = 100
"""Limit: items on one list page of messages or conversations. Such a page is read in a few milliseconds."""

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates, which must never be in a log line or in JSON."""

PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"
"""The same rule for `/openapi.json`, where a string holds no surrogates."""

Model = TypeVar("Model", bound=BaseModel)


RequestReason = Literal[
    "invalid_parameter",
    "unknown_parameter",
    "repeated_parameter",
    "invalid_field",
    "unknown_field",
    "body_malformed",
    "content_type_unsupported",
]


class InvalidRequest(PageInboxError):
    """A mistake of the caller."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self, reason: RequestReason, sentence: str) -> None:
        super().__init__(reason, sentence)


def acceptable(text: str, longest: int) -> bool:
    """Returns whether a string from outside may be an id or a name: 1 to `longest` characters, no control character."""
    return 0 < len(text) <= longest and _UNFIT.search(text) is None


def _id(text: str) -> str:
    if not acceptable(text, LONGEST_ID):
        raise ValueError(f"must be 1 to {LONGEST_ID} characters without control characters")
    return text


def _cursor(text: str) -> str:
    if not acceptable(text, LONGEST_CURSOR):
        raise ValueError("is not a cursor of this service")
    return text


def _words(text: str) -> str:
    if not acceptable(text, LONGEST_WORDS) or not folded(text):
        raise ValueError(f"must be 1 to {LONGEST_WORDS} characters, not only spaces, without control characters")
    return text


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST))):
        raise ValueError(f"must be a whole number from 1 to {MOST}")
    return int(text)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _moment(text: str) -> int:
    moment = from_text(text)
    if moment is None:
        raise ValueError("must be an RFC 3339 time with its offset, or Unix seconds or milliseconds, from 1970 on")
    return moment


Id = Annotated[
    str, Field(min_length=1, max_length=LONGEST_ID, json_schema_extra={"pattern": PLAIN}), AfterValidator(_id)
]
LimitParameter = Annotated[
    int,
    Field(
        ge=1,
        le=MOST,
        description="The maximum number of items. A page of long items has fewer: only a null cursor means the end.",
    ),
    BeforeValidator(_limit),
]
_Flag = Annotated[bool, BeforeValidator(_flag)]
_Cursor = Annotated[
    Annotated[str, Field(max_length=LONGEST_CURSOR, json_schema_extra={"pattern": PLAIN}), AfterValidator(_cursor)]
    | None,
    Field(description="The `next_cursor` of the previous answer. Leave it out for the first page."),
]
_OfPage = Annotated[Id | None, Field(description="Only of this Page.", examples=["104200000000001"])]
_Words = (
    Annotated[
        str,
        Field(min_length=1, max_length=LONGEST_WORDS, json_schema_extra={"pattern": PLAIN}),
        AfterValidator(_words),
    ]
    | None
)
_MOMENT_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0, "maximum": LAST_MOMENT}],
}
TimeParameter = Annotated[int | None, BeforeValidator(_moment), WithJsonSchema(_MOMENT_SCHEMA)]


class Query(BaseModel):
    """A query. A call with an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class SearchQuery(Query):
    """The search filters. Items are examined one after another. `looked_at` of the answer is the number of examined
    items."""

    q: _Words = Field(
        None,
        description="Only items with this text, in any case, spacing and script of digits, or with this telephone "
        "number in any form.",
        examples=["012 345 678"],
    )
    has: Has | None = Field(
        None,
        description="Only items with a telephone number in the text, a picture that is not a sticker, a place, a "
        "recording, or a file.",
        examples=["photo"],
    )
    expires_before: TimeParameter = Field(
        None, description="Only items that expire before this time. It is written like `since` of `listMessages`."
    )

    def search(self, answered: bool | None = None) -> Search | None:
        """Returns the search, or None if there is no filter. Only a search of conversations has `answered`."""
        search = Search(self.q, self.has, answered, self.expires_before)
        return None if search == Search() else search


class ConversationsQuery(SearchQuery):
    """The parameters that choose conversations. `q`, `has` and `expires_before` apply to the last message of each."""

    limit: LimitParameter = 50
    cursor: _Cursor = None
    page: _OfPage = None
    answered: _Flag | None = Field(
        None, description="`true`: only conversations whose last message is the Page's. `false`: only the others."
    )


class BlockQuery(Query):
    """The parameters of a block."""

    keep_messages: _Flag = Field(False, description="true keeps the stored messages until their five days are over.")


class AuditQuery(Query):
    """The parameters that choose entries of the audit log."""

    limit: LimitParameter = 50
    cursor: _Cursor = None


class MessagesQuery(SearchQuery):
    """The parameters that choose messages."""

    limit: LimitParameter = 50
    cursor: _Cursor = None
    conversation: Id | None = Field(None, description="Only of this conversation.")
    page: _OfPage = None
    direction: Direction | None = Field(
        None, description="`in`: from customers; `out`: from the Page.", examples=["in"]
    )
    since: TimeParameter = Field(
        None,
        description="Received at this time or later: RFC 3339 with its offset, or Unix seconds or milliseconds.",
        examples=["2026-02-02T09:30:00+07:00"],
    )
    until: TimeParameter = Field(
        None, description="Received before this time, written like `since`.", examples=["2026-02-03T00:00:00Z"]
    )

    def query(self) -> MessageQuery:
        """Returns the same query for the store."""
        return MessageQuery(
            limit=self.limit,
            cursor=self.cursor,
            conversation=None if self.conversation is None else ConversationId(self.conversation),
            page=None if self.page is None else PageId(self.page),
            direction=self.direction,
            since=self.since,
            until=self.until,
        )


class StreamQuery(Query):
    """The parameter that chooses the beginning of a stream."""

    last_event_id: Annotated[str, Field(max_length=LONGEST_CURSOR, json_schema_extra={"pattern": PLAIN})] | None = (
        Field(None, description="The last `id` seen, if you cannot send the header `Last-Event-ID`. The header wins.")
    )
    ticket: Id | None = Field(
        None, description="From `giveTicket`, if you cannot send a token in a header. It can be used once."
    )
    since: TimeParameter = Field(
        None,
        description="Without an event id: begin with what was received at this time or later. It is written like "
        "`since` of `listMessages`.",
    )


def checked_id(name: str, text: str) -> str:
    """Returns an id of the path. Raises `InvalidRequest` (invalid_parameter)."""
    try:
        return _id(text)
    except ValueError as error:
        raise InvalidRequest("invalid_parameter", f"{name}: {error}.") from None


def parse_query(model: type[Model] | None, pairs: Iterable[tuple[str, str]]) -> Model | None:
    """Returns the query as `model`, from its decoded pairs. Without a model, no parameter is allowed. Raises
    `InvalidRequest`.
    """
    known = _names(model) if model else frozenset()
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise InvalidRequest("unknown_parameter", f"Unknown query parameter{_shown(name)}.")
        if name in given:
            raise InvalidRequest("repeated_parameter", f"{name}: may stand only once.")
        given[name] = value
    if model is None:
        return None
    try:
        return model.model_validate({name: value for name, value in given.items() if value})
    except ValidationError as error:
        raise InvalidRequest("invalid_parameter", _sentence(error)) from None


@cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    """Returns the names of all parameters of a query."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def parse_body(model: type[Model], content_type: str, body: bytes) -> Model:
    """Returns a JSON body as `model`. `content_type` is the header, or empty if it is absent. Raises
    `InvalidRequest`.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media and media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise InvalidRequest("content_type_unsupported", "Send the body as Content-Type: application/json.")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if not first["loc"]:
            raise InvalidRequest("body_malformed", "The body must be a JSON object.") from None
        reason: RequestReason = "unknown_field" if first["type"] == "extra_forbidden" else "invalid_field"
        raise InvalidRequest(reason, _sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    """Returns every mistake with its place. The value is left out, because a log or a problem must not contain it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    mistakes = [_mistake(".".join(map(str, one["loc"])), one["type"], one["msg"]) for one in found[:5]]
    return "; ".join(mistakes) + "."


def _mistake(place: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"Unknown field{_shown(place)}"
    return f"{place}: {message.removeprefix('Value error, ')}"


def _shown(name: str) -> str:
    """Returns a space and the name if the name is short and plain, else "". A name may be a whole value by mistake."""
    return f" {name}" if re.fullmatch(r"[A-Za-z0-9_.\-\[\]]{1,40}", name) else ""
