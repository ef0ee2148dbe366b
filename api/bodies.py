"""Pure: the bodies that callers send. Unknown fields are refused. Null is refused too, except for the end of a pause,
because callers leave out fields that they do not set.
"""

import re
from typing import Annotated

from pydantic import (
    MISSING,
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    ValidationInfo,
    field_validator,
)
from pydantic.json_schema import WithJsonSchema

from api.params import PLAIN, acceptable
from domain.moment import from_text
from domain.secret import Secret

LONGEST_PAGE_TOKEN = 4_096
"""Limit: characters of a Page token. Facebook's tokens have no fixed length. Two kilobytes are said to be enough for a
token.
"""

LONGEST_LABEL = 40
"""Limit: characters of a label that staff give conversations. A row of a list shows a label as one or two words."""
LABELS_OF_A_SHOP = 20
"""Limit: labels in a shop's list. People choose from this list. The list has no expiry time."""
LABELS_OF_A_MARK = 5
"""Limit: labels of one conversation. Each row of the list of conversations shows all of them."""

_PAGE_TOKEN = re.compile(f"[!-~]{{1,{LONGEST_PAGE_TOKEN}}}")
"""Printable ASCII without spaces, because the token must fit into a header line."""


def _page_token(token: SecretStr) -> SecretStr:
    if not _PAGE_TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError(f"must be 1 to {LONGEST_PAGE_TOKEN} printable ASCII characters without spaces")
    return token


PageToken = Annotated[
    SecretStr,
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_PAGE_TOKEN, "pattern": r"^[!-~]+$"}),
    AfterValidator(_page_token),
]


def _end(text: object) -> int:
    moment = from_text(text) if isinstance(text, str) else None
    if moment is None:
        raise ValueError("must be an RFC 3339 time with its offset")
    return moment


End = Annotated[
    Annotated[int, BeforeValidator(_end)] | None,
    WithJsonSchema({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]


def _label(text: str) -> str:
    if not acceptable(text, LONGEST_LABEL) or not text.strip():
        raise ValueError(f"must be 1 to {LONGEST_LABEL} characters, not only spaces, without control characters")
    return text


def _different(labels: list[str]) -> list[str]:
    if len({*labels}) < len(labels):
        raise ValueError("each may stand only once")
    return labels


Label = Annotated[
    str, Field(min_length=1, max_length=LONGEST_LABEL, json_schema_extra={"pattern": PLAIN}), AfterValidator(_label)
]
Different = AfterValidator(_different)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class PageConnect(_Body):
    """The body to connect a Page. With the Page's token, all functions work. `{}` connects the Page for webhooks only,
    without a call to Facebook.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"access_token": "EAA..."}, {"access_token": "EAA...", "history": False}, {}]}
    )

    access_token: PageToken | MISSING = Field(
        MISSING,
        description="The Page's own token, from `/me/accounts` at Facebook. It is stored encrypted and never shown.",
    )

    history: StrictBool = Field(
        True,
        description="With the Page's first token, the messages of the last five days are fetched. false switches this "
        "off.",
    )

    def token(self) -> Secret | None:
        """Returns the token, if the caller sent one."""
        return None if self.access_token is MISSING else Secret(self.access_token.get_secret_value())


class Pause(_Body):
    """The body to pause or resume a shop or one of its Pages."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"paused": True}, {"paused": True, "until": None}]})

    paused: StrictBool = Field(description="true stops storing messages, false continues.")
    until: End = Field(
        None,
        description="When a pause ends by itself: RFC 3339 with its offset, later than now. Absent or null: the pause "
        "lasts until the shop resumes.",
    )

    @field_validator("until")
    @classmethod
    def _only_of_a_pause(cls, until: int | None, info: ValidationInfo) -> int | None:
        if until is not None and info.data.get("paused") is False:
            raise ValueError("only a pause has an end")
        return until


class MarkChange(_Body):
    """The staff's notes about a conversation. They replace the earlier notes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"done": True}]})

    done: StrictBool = Field(False, description="Whether staff are done with it.")
    unread: StrictBool = Field(False, description="Whether a colleague should read the conversation again.")
    labels: Annotated[list[Label], Field(max_length=LABELS_OF_A_MARK), Different] = Field(
        [], description="Labels from the shop's list.", json_schema_extra={"uniqueItems": True}
    )


class LabelList(_Body):
    """The labels that staff may give conversations."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"labels": ["paid", "VIP"]}]})

    labels: Annotated[
        list[Label], Field(max_length=LABELS_OF_A_SHOP, json_schema_extra={"uniqueItems": True}), Different
    ]
