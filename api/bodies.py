"""Pure: the bodies that callers send. Unknown fields are refused, and null too, except for the end of a pause: callers
leave out what they do not set.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from api.fields import Field, Json, Sent
from api.params import PLAIN, acceptable
from domain.moment import from_text
from domain.secret import Secret

LONGEST_PAGE_TOKEN = 4_096
"""Limit: characters of a Page token. Facebook's tokens have no fixed length. They are said to need two kilobytes.
"""

LONGEST_LABEL = 40
"""Limit: characters of a label that staff give conversations. A label is a word or two in a row of a list."""
LABELS_OF_A_SHOP = 20
"""Limit: labels in a shop's list. People choose from this list, and it stays until the shop replaces it."""
LABELS_OF_A_MARK = 5
"""Limit: labels of one conversation. Each row of the list of conversations shows all of them."""

_PAGE_TOKEN = re.compile(f"[!-~]{{1,{LONGEST_PAGE_TOKEN}}}")
"""Printable ASCII without spaces, because the token must fit into a header line."""


def _page_token(token: Any) -> Secret:
    if not isinstance(token, str) or not _PAGE_TOKEN.fullmatch(token):
        raise ValueError(f"must be 1 to {LONGEST_PAGE_TOKEN} printable ASCII characters without spaces")
    return Secret(token)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - the caller's mistake
    return value


def _end(text: Any) -> int | None:
    if text is None:
        return None
    moment = from_text(text) if isinstance(text, str) else None
    if moment is None:
        raise ValueError("must be an RFC 3339 time with its offset")
    return moment


def _labels(most: int) -> Field:
    """Returns a field of at most so many different labels."""

    def read(labels: Any) -> tuple[str, ...]:
        if not isinstance(labels, list) or len(labels) > most:
            raise ValueError(f"must be a list of at most {most} labels")
        if not all(isinstance(one, str) and acceptable(one, LONGEST_LABEL) and one.strip() for one in labels):
            raise ValueError(
                f"each must be 1 to {LONGEST_LABEL} characters, not only spaces, without control characters"
            )
        if len({*labels}) < len(labels):
            raise ValueError("each may stand only once")
        return tuple(labels)

    label = {"type": "string", "minLength": 1, "maxLength": LONGEST_LABEL, "pattern": PLAIN}
    return Field(read, {"type": "array", "items": label, "maxItems": most, "uniqueItems": True})


_FLAG = Field(_flag, {"type": "boolean"})


@dataclass(frozen=True, kw_only=True)
class PageConnect(Sent):
    """How to connect a Page: with its token for everything; `{}` connects it for webhooks alone, without calls of
    Facebook.
    """

    EXAMPLES: ClassVar[tuple[Json, ...]] = (
        {"access_token": "EAA..."},
        {"access_token": "EAA...", "history": False},
        {},
    )

    access_token: Annotated[
        Secret | None,
        Field(
            _page_token,
            {
                "type": "string",
                "format": "password",
                "writeOnly": True,
                "minLength": 1,
                "maxLength": LONGEST_PAGE_TOKEN,
                "pattern": r"^[!-~]+$",
            },
            "The Page's own token, from `/me/accounts` at Facebook. It is stored encrypted and never shown.",
        ),
    ] = None
    history: Annotated[
        bool,
        _FLAG.about(
            "With the Page's first token, the messages of the last five days are fetched. false switches this off."
        ),
    ] = True


@dataclass(frozen=True, kw_only=True)
class Pause(Sent):
    """What to change of a shop, or of one of its Pages."""

    EXAMPLES: ClassVar[tuple[Json, ...]] = ({"paused": True}, {"paused": True, "until": None})

    paused: Annotated[bool, _FLAG.about("true stops storing messages, false continues.")]
    until: Annotated[
        int | None,
        Field(
            _end,
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "When a pause ends by itself: RFC 3339 with its offset, later than now. Absent or null: the pause lasts "
            "until the shop resumes.",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.until is not None and not self.paused:
            raise ValueError("until: only a pause has an end")


@dataclass(frozen=True, kw_only=True)
class MarkChange(Sent):
    """What staff note about a conversation. It replaces what was noted before."""

    EXAMPLES: ClassVar[tuple[Json, ...]] = ({"done": True},)

    done: Annotated[bool, _FLAG.about("Whether staff are done with it.")] = False
    unread: Annotated[bool, _FLAG.about("Whether somebody shall look at it again.")] = False
    labels: Annotated[tuple[str, ...], _labels(LABELS_OF_A_MARK).about("Labels from the shop's list.")] = ()


@dataclass(frozen=True, kw_only=True)
class LabelList(Sent):
    """The labels that staff may give conversations."""

    EXAMPLES: ClassVar[tuple[Json, ...]] = ({"labels": ["paid", "VIP"]},)

    labels: Annotated[tuple[str, ...], _labels(LABELS_OF_A_SHOP).about("The whole list.")]
