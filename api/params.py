"""Pure: the parameters that callers send, as typed values. `/openapi.json` is made from the same models.

Other modules have the bodies (api/bodies.py) and the queries of what is fetched from Facebook (api/graph_params.py).

These are refused: unknown parameters and fields (a misspelt filter must not widen a purge), the same parameter twice,
values out of range. An empty parameter (`?cursor=`) counts as absent, because forms send absent values so.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import orjson

from api.fields import Field, Sent, SomeSent, ValuesRefused, choice, fields_of, filled
from api.search import Has, Search, folded
from domain.errors import Kind, PageInboxError
from domain.ids import ConversationId, PageId
from domain.message import Direction
from domain.moment import LAST_MOMENT, from_text
from domain.query import MessageQuery

LONGEST_ID = 512
"""Limit: characters of an id in a path or query. Facebook's ids and ours are shorter."""

LONGEST_CURSOR = 1_024
"""Limit: characters of a cursor. Ours have fewer than 100."""

LONGEST_WORDS = 100
"""Limit: characters of a search text. An order's number, a name or a telephone number is shorter."""

MOST = 100
"""Limit: items on one list page of messages or conversations. Such a page is read in a few milliseconds."""

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates, which must never enter a log line or JSON."""

PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"
"""The same rule for `/openapi.json`, where a string holds no surrogates."""

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


def _event_id(text: str) -> str:
    if len(text) > LONGEST_CURSOR:
        raise ValueError(f"must be at most {LONGEST_CURSOR} characters")
    return text


def _words(text: str) -> str:
    if not acceptable(text, LONGEST_WORDS) or not folded(text):
        raise ValueError(f"must be 1 to {LONGEST_WORDS} characters, not only spaces, without control characters")
    return text


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and 1 <= int(text) <= MOST):
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


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest, "pattern": PLAIN}


ID = Field(_id, {"minLength": 1, **_text(LONGEST_ID)})
LIMIT = Field(
    _limit,
    {"type": "integer", "minimum": 1, "maximum": MOST},
    "The maximum number of items. A page of long items has fewer: only a null cursor means the end.",
)
FLAG = Field(_flag, {"type": "boolean"})
CURSOR = Field(
    _cursor,
    _text(LONGEST_CURSOR),
    "The `next_cursor` of the previous answer. Leave it out for the first page.",
)
MOMENT = Field(
    _moment,
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0, "maximum": LAST_MOMENT}]},
)
_WORDS = Field(_words, {"minLength": 1, **_text(LONGEST_WORDS)})
_HAS = choice(Has)


@dataclass(frozen=True, kw_only=True)
class SearchQuery(Sent):
    """The search filters. Items are examined one after the other. The answer's `looked_at` says how many."""

    q: Annotated[
        str | None,
        _WORDS.about(
            "Only items with this text, in any case, spacing and script of digits, or with this telephone number in "
            "any form.",
            "012 345 678",
        ),
    ] = None
    has: Annotated[
        Has | None,
        _HAS.about(
            "Only items with a telephone number in the text, a picture that is not a sticker, a place, a recording, or "
            "a file.",
            "photo",
        ),
    ] = None
    expires_before: Annotated[
        int | None,
        MOMENT.about("Only items that expire before this time. It is written like `since` of `listMessages`."),
    ] = None

    def search(self) -> Search:
        """Returns the same search for `Reader`."""
        return Search(self.q, self.has, None, self.expires_before)


@dataclass(frozen=True, kw_only=True)
class ConversationsQuery(SearchQuery):
    """Which conversations. `q`, `has` and `expires_before` apply to the last message of each."""

    limit: Annotated[int, LIMIT] = 50
    cursor: Annotated[str | None, CURSOR] = None
    page: Annotated[str | None, ID.about("Only of this Page.", "104200000000001")] = None
    answered: Annotated[
        bool | None,
        FLAG.about("`true`: only conversations whose last message is the Page's. `false`: only the others."),
    ] = None

    def search(self) -> Search:
        """Returns the same search for `Reader`."""
        return Search(self.q, self.has, self.answered, self.expires_before)


@dataclass(frozen=True, kw_only=True)
class BlockQuery(Sent):
    """How to block a conversation."""

    keep_messages: Annotated[bool, FLAG.about("true keeps the stored messages until their five days are over.")] = False


@dataclass(frozen=True, kw_only=True)
class AuditQuery(Sent):
    """Which entries of the audit log."""

    limit: Annotated[int, LIMIT] = 50
    cursor: Annotated[str | None, CURSOR] = None


@dataclass(frozen=True, kw_only=True)
class MessagesQuery(SearchQuery):
    """Which messages."""

    limit: Annotated[int, LIMIT] = 50
    cursor: Annotated[str | None, CURSOR] = None
    conversation: Annotated[str | None, ID.about("Only of this conversation.")] = None
    page: Annotated[str | None, ID.about("Only of this Page.", "104200000000001")] = None
    direction: Annotated[
        Direction | None, choice(Direction).about("`in`: from customers; `out`: from the Page.", "in")
    ] = None
    since: Annotated[
        int | None,
        MOMENT.about(
            "Received at this time or later: RFC 3339 with its offset, or Unix seconds or milliseconds.",
            "2026-02-02T09:30:00+07:00",
        ),
    ] = None
    until: Annotated[
        int | None, MOMENT.about("Received before this time, written like `since`.", "2026-02-03T00:00:00Z")
    ] = None

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


@dataclass(frozen=True, kw_only=True)
class StreamQuery(Sent):
    """Where a stream begins."""

    last_event_id: Annotated[
        str | None,
        Field(
            _event_id,
            _text(LONGEST_CURSOR),
            "The last `id` seen, if you cannot send the header `Last-Event-ID`. The header wins.",
        ),
    ] = None
    ticket: Annotated[
        str | None, ID.about("From `giveTicket`, if you cannot send a token in a header. It can be used once.")
    ] = None
    since: Annotated[
        int | None,
        MOMENT.about(
            "Without an event id: begin with what was received at this time or later. It is written like `since` of "
            "`listMessages`."
        ),
    ] = None


def checked_id(name: str, text: str) -> str:
    """Returns an id of the path. Raises `InvalidRequest` (invalid_parameter)."""
    try:
        return _id(text)
    except ValueError as error:
        raise InvalidRequest("invalid_parameter", f"{name}: {error}.") from None


def parse_query(model: type[SomeSent] | None, pairs: Iterable[tuple[str, str]]) -> SomeSent | None:
    """Returns the query as `model`, from its decoded pairs. Without a model, no parameter is allowed. Raises
    `InvalidRequest`.
    """
    known = fields_of(model) if model else {}
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
        return filled(model, {name: value for name, value in given.items() if value})
    except ValuesRefused as refused:
        raise InvalidRequest("invalid_parameter", str(refused)) from None


def parse_body(model: type[SomeSent], content_type: str, body: bytes) -> SomeSent:
    """Returns a JSON body as `model`. `content_type` is the header, or empty if it is absent. Raises
    `InvalidRequest`.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media and media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise InvalidRequest("content_type_unsupported", "Send the body as Content-Type: application/json.")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise InvalidRequest("body_malformed", "The body must be a JSON object.")
    if unknown := given.keys() - fields_of(model).keys():
        raise InvalidRequest("unknown_field", f"Unknown field{_shown(min(unknown))}.")
    try:
        return filled(model, given)
    except ValuesRefused as refused:
        raise InvalidRequest("invalid_field", str(refused)) from None


def _shown(name: str) -> str:
    """Returns a name to quote if it is short and plain. A whole value that was sent as a name is not repeated."""
    return f" {name}" if re.fullmatch(r"[A-Za-z0-9_.\-\[\]]{1,40}", name) else ""
