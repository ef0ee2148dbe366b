"""Pure: finds the error class for an answer of Graph. Code and subcode decide first. Without a code, the HTTP status
decides. Nearly every error is an HTTP 400 with the type `OAuthException`, so status and type do not show the cause.
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

import re
from typing import Any, Final

from domain.graph import Limit
from graph_client.errors import (
    ErrorDetails,
    FieldUnknown,
    GraphError,
    GraphRefused,
    GraphUnavailable,
    ObjectNotFound,
    ParameterRefused,
    PermissionMissing,
    PolicyBlocked,
    ProofRefused,
    Throttled,
    TokenDead,
    TooMuchData,
    number,
    token_reason,
)
from graph_client.fields import NEEDED_PERMISSIONS, WANTED_PERMISSIONS

_TRACE = re.compile(r"[A-Za-z0-9_.+/=-]{1,64}")
"""Today's ids have eleven to twenty-three characters. A value of another form is not repeated."""

_APP = frozenset({4, 341})
_CALLER = frozenset({17, 32, 613})
"""Codes that do not name their budget: the limit of a person, of a Page, or a custom limit. The call's own budget is
used. Facebook documents code 613 for conversations, and stopping the calls for a Page's posts would not help.
"""

_MESSENGER = 80_006
_BUSINESS = range(80_000, 80_100)
"""Codes for the limits of a business object, which is always a Page here."""

_NOT_THERE: Final = frozenset({33, 2_018_001, 2_018_218})
"""Subcodes of 100: no such object, or no access to it; no such message or person; no profile of this person."""

_PROFILE_REFUSED: Final = 2_018_247
"""Subcode of 100: the token may not read the profiles of persons."""

_NOWHERE: Final = "does not exist, cannot be loaded due to missing permissions"
_UNKNOWN_FIELD: Final = re.compile(r"nonexisting field \(([a-z0-9_]{1,64})\)")
_WORDS: Final = re.compile(r"[a-z0-9_]+")
_PERMISSIONS: Final = (
    *(*NEEDED_PERMISSIONS, *WANTED_PERMISSIONS),
    *("pages_manage_posts", "pages_manage_engagement", "pages_utility_messaging", "business_management"),
    *("pages_read_user_engagement", "read_insights", "pages_user_gender", "pages_user_locale", "pages_user_timezone"),
)
"""Names that may be passed on. Other words of Graph may be people's texts."""


def error_of(status: int, body: object, limit: Limit = "pages") -> GraphError:
    """Returns the error that an answer reports. `limit` is the budget of the call.

    Any body is accepted. If the body is not understood, the status decides.
    """
    found = body.get("error") if isinstance(body, dict) else None
    error: dict[str, Any] = found if isinstance(found, dict) else {}
    code = number(error.get("code"))
    subcode = number(error.get("error_subcode"))
    trace = error.get("fbtrace_id")
    details = ErrorDetails(code, subcode, trace if isinstance(trace, str) and _TRACE.fullmatch(trace) else None)
    message = error.get("message")
    words = message.lower() if isinstance(message, str) else ""
    known = None if code is None else _by_code(code, words, details, limit)
    if known is not None:
        return known
    if status == 429:
        return Throttled(limit, details)
    # A success that contains an error without a code is not Graph's usual form. The next try may succeed.
    if status >= 500 or (code is None and status < 400) or error.get("is_transient") in (True, "true"):
        return GraphUnavailable(details)
    return GraphRefused(details)


def _by_code(code: int, words: str, details: ErrorDetails, limit: Limit) -> GraphError | None:
    """Returns the error for a code, or None for an unknown code. `words` is Graph's `message` in small letters."""
    if code in (-3, 1, 2):
        return TooMuchData(details) if code == 1 and "reduce the amount of data" in words else GraphUnavailable(details)
    if code in (102, 190):
        return TokenDead(token_reason(details.subcode), details)
    if code in (3, 10) or 200 <= code <= 299:
        return PermissionMissing(_named(words), details)
    if code == 100:
        return _of_100(words, details)
    if (budget := _budget(code, limit)) is not None:
        return Throttled(budget, details)
    return _OTHERS[code](details) if code in _OTHERS else None


def _of_100(words: str, details: ErrorDetails) -> GraphError:
    """Returns the error for code 100: usually a refused parameter. Graph also uses this code for a missing object, a
    permission, a field of another version, and (Facebook does not document this) a wrong proof. Without a subcode only
    Graph's `message` distinguishes these cases.
    """
    if details.subcode in _NOT_THERE:
        return ObjectNotFound(details)
    if details.subcode == _PROFILE_REFUSED:
        return PermissionMissing(_named(words), details)
    if "appsecret_" in words:
        return ProofRefused(details)
    if not details.subcode:
        if _NOWHERE in words:
            return ObjectNotFound(details)
        if (field := _UNKNOWN_FIELD.search(words)) is not None:
            return FieldUnknown(field[1], details)
        if "permission" in words and (named := _named(words)):
            return PermissionMissing(named, details)
    return ParameterRefused(details)


def _budget(code: int, limit: Limit) -> Limit | None:
    if code in _APP:
        return "app"
    if code in _CALLER:
        return limit
    if code == _MESSENGER:
        return "messenger"
    return "pages" if code in _BUSINESS else None


def _named(words: str) -> tuple[str, ...]:
    """Returns the known permissions in Graph's `message`. No other word of it is passed on."""
    found = frozenset(_WORDS.findall(words))
    return tuple(one for one in _PERMISSIONS if one in found)


_OTHERS: Final[dict[int, type[ProofRefused | PolicyBlocked | ObjectNotFound | ParameterRefused]]] = {
    12: ObjectNotFound,  # an id in a form that the version does not have any more
    21: ObjectNotFound,  # a Page that was merged into another Page
    104: ProofRefused,
    368: PolicyBlocked,
    803: ObjectNotFound,
    2_500: ParameterRefused,
    2_018_218: ObjectNotFound,
}
