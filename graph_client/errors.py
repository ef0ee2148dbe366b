"""Pure: the errors of calls to Facebook's Graph API. `verdicts.py` chooses the error for an answer.

    PageInboxError
    └── GraphError               status  reason
        ├── GraphUnavailable     502     graph_unavailable    an outage, a short failure, or not Graph's JSON
        ├── GraphUnreachable     502     graph_unreachable    no connection, or it was cut
        ├── GraphTimeout         504     graph_timeout        no answer in time
        ├── GraphRedirected      502     graph_redirected     redirected to another address; no token is sent there
        ├── TooMuchData          502     too_much_data        an answer too large, even for a single item
        ├── Throttled            429     throttled            a budget is used up: no call until it is free again
        ├── PolicyBlocked        429     policy_blocked       a person must solve it
        ├── TokenDead            409     reconnect_page       the token is dead; `token_reason` says why
        ├── PermissionMissing    409     permission_missing   the token is alive, but lacks a permission
        ├── ObjectNotFound       404     object_not_found     it does not exist, or this Page may not see it
        ├── ParameterRefused     400     parameter_refused    an id, a cursor or a filter that is not valid
        ├── ProofRefused         502     proof_refused        `appsecret_proof`: wrong secret, or the wrong form
        └── GraphRefused         502     graph_refused        every other permanent refusal

FieldUnknown is a ParameterRefused for a requested field that this version of Graph does not have.

No sentence repeats Graph's `message`, because it may hold people's words or a token.
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from domain.errors import Kind, PageInboxError
from domain.graph import Limit

Reason = Literal[
    "graph_unavailable", "graph_unreachable", "graph_timeout", "graph_redirected", "too_much_data", "throttled",
    "policy_blocked", "reconnect_page", "permission_missing", "object_not_found", "parameter_refused", "proof_refused",
    "graph_refused",
]  # fmt: skip

TokenReason = Literal[
    "app_not_authorised", "deauthorized", "checkpoint", "password_changed", "expired", "unconfirmed_user",
    "logged_out", "role_lost", "token_invalid", "no_token",
]  # fmt: skip
"""The reason why a token is dead. `no_token`: the Page never had a token."""

POLICY_SECONDS: Final = 3_600
"""Seconds after which a blocked call is tried again. Facebook does not say how long a block lasts. Its documentation
suggests "hours", and one try per hour does no harm.
"""


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """Details of Graph's error that may be logged: its numbers, and the `fbtrace_id` for Facebook's support."""

    code: int | None = None
    subcode: int | None = None
    trace: str | None = None


NO_DETAILS: Final = ErrorDetails()


class GraphError(PageInboxError):
    """Raised when Facebook answers with an error or gives no answer. `code` and `subcode` are Graph's numbers, or
    None."""

    kind: ClassVar[Kind] = "upstream_failed"

    def __init__(
        self, reason: Reason, sentence: str, details: ErrorDetails = NO_DETAILS, *, retry_after: int | None = None
    ) -> None:
        super().__init__(reason, sentence, retry_after=retry_after)
        self.code = details.code
        self.subcode = details.subcode
        self.trace = details.trace


class GraphUnavailable(GraphError):
    """Graph is down or says so, or the answer is not from Graph. The call is repeated a few times."""

    def __init__(self, details: ErrorDetails = NO_DETAILS) -> None:
        super().__init__("graph_unavailable", "Facebook cannot answer at present. Try again later.", details)


class GraphUnreachable(GraphError):
    """No connection to Graph, or a connection cut before the answer ended. The call is repeated a few times."""

    def __init__(self) -> None:
        super().__init__("graph_unreachable", "Facebook could not be reached. Try again later.")


class GraphTimeout(GraphError):
    """No answer in time. If a single try was too slow, the call is repeated while time remains."""

    kind: ClassVar[Kind] = "upstream_timeout"

    def __init__(self) -> None:
        super().__init__("graph_timeout", "Facebook did not answer in time. Try again later, or ask for fewer items.")


NO_ANSWER: Final = (GraphUnavailable, GraphUnreachable, GraphTimeout)
"""Graph is down, or a single call failed. The same call may succeed soon."""


class GraphRedirected(GraphError):
    """An answer that redirects to another address. It is not followed, because the token would be sent there too."""

    def __init__(self) -> None:
        super().__init__(
            "graph_redirected", "Facebook's address answers with a redirect: ask the operator to check GRAPH_URL."
        )


class TooMuchData(GraphError):
    """The answer has more data than Graph returns, or more than the service reads. The call is repeated for half as
    many items.
    """

    def __init__(self, details: ErrorDetails = NO_DETAILS) -> None:
        super().__init__("too_much_data", "A single item is more than Facebook gives in one answer.", details)


_USED_UP: Final[dict[Limit, str]] = {
    "app": "Facebook takes no more calls of this app at present.",
    "pages": "No more calls are taken for this Page at present.",
    "messenger": "No more calls for this Page's conversations are taken at present.",
}


class Throttled(GraphError):
    """A budget is used up. `limit` names the budget. More calls would prolong the block, so no call is made.

    `retry_after` is None until the length of the block is known (`usage.wait_after`).
    """

    kind: ClassVar[Kind] = "throttled"

    def __init__(self, limit: Limit, details: ErrorDetails = NO_DETAILS, *, retry_after: int | None = None) -> None:
        sentence = f"{_USED_UP[limit]} Call again after the seconds in Retry-After, not before."
        super().__init__("throttled", sentence, details, retry_after=retry_after)
        self.limit: Limit = limit


class PolicyBlocked(GraphError):
    """Facebook blocks the Page, the person or the app because a rule was broken. Waiting alone does not help."""

    kind: ClassVar[Kind] = "throttled"

    def __init__(self, details: ErrorDetails = NO_DETAILS) -> None:
        sentence = "Facebook has blocked this for a violation of its policies. Look at the Page's Support Inbox."
        super().__init__("policy_blocked", sentence, details, retry_after=POLICY_SECONDS)


_AGAIN = "Connect the Page again with a new token."

_DEATHS: Final[dict[TokenReason, str]] = {
    "app_not_authorised": f"The person whose token the Page has took the app's permissions back. {_AGAIN}",
    "deauthorized": f"The person whose token the Page has removed the app, or the Page did. {_AGAIN}",
    "checkpoint": "Facebook wants the person whose token the Page has to log in at www.facebook.com and do what it "
    f"says there. {_AGAIN}",
    "password_changed": f"The person whose token the Page has changed the password, or Facebook ended it. {_AGAIN}",
    "expired": f"The Page's token has expired. {_AGAIN}",
    "unconfirmed_user": "The person whose token the Page has must confirm the account at www.facebook.com. " + _AGAIN,
    "logged_out": f"The person whose token the Page has logged out. {_AGAIN}",
    "role_lost": f"The person whose token the Page has lost the role on it; an admin is needed. {_AGAIN}",
    "token_invalid": f"Facebook does not accept the Page's token. {_AGAIN}",
    "no_token": "The Page is connected for webhooks alone. Connect it with a token.",
}

_BY_SUBCODE: Final[dict[object, TokenReason]] = {
    458: "app_not_authorised",
    459: "checkpoint",
    460: "password_changed",
    463: "expired",
    464: "unconfirmed_user",
    467: "logged_out",
    492: "role_lost",
}


def number(value: object) -> int | None:
    """Returns a code or subcode from a number or its text, or None for anything else."""
    if type(value) is str and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    return value if type(value) is int and abs(value) < 10**_MOST_DIGITS else None


_MOST_DIGITS = 10
"""The longest known code has seven digits."""


def token_reason(subcode: object) -> TokenReason:
    """Returns why a token is dead, from the subcode of code 190; `token_invalid` for an unknown subcode."""
    return _BY_SUBCODE.get(number(subcode), "token_invalid")


class TokenDead(GraphError):
    """The Page's token is not valid any more. `token_reason` says why. No call uses the token again.

    An unknown reason counts as `token_invalid`.
    """

    kind: ClassVar[Kind] = "conflict"

    def __init__(self, reason: str | None = None, details: ErrorDetails = NO_DETAILS) -> None:
        self.token_reason: TokenReason = next((one for one in _DEATHS if one == reason), "token_invalid")
        super().__init__("reconnect_page", _DEATHS[self.token_reason], details)


class PermissionMissing(GraphError):
    """The token is alive but does not allow the call. `permissions` are the permissions that it is known to lack."""

    kind: ClassVar[Kind] = "conflict"

    def __init__(self, permissions: Iterable[str] = (), details: ErrorDetails = NO_DETAILS) -> None:
        self.permissions = tuple(permissions)
        what = f"the permission {', '.join(self.permissions)}" if self.permissions else "a permission or a task"
        sentence = f"The Page's token lacks {what}. Grant it, then connect the Page again with a new token."
        super().__init__("permission_missing", sentence, details)


class ObjectNotFound(GraphError):
    """The object does not exist, or this Page may not see it. Facebook does not distinguish the two cases."""

    kind: ClassVar[Kind] = "not_found"

    def __init__(self, details: ErrorDetails = NO_DETAILS) -> None:
        super().__init__("object_not_found", "Facebook has no such thing, or does not show it to this Page.", details)


class ParameterRefused(GraphError):
    """Graph does not understand the request, or the service refused it before the call."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self, details: ErrorDetails = NO_DETAILS, *, sentence: str = "") -> None:
        generally = "Facebook refuses these parameters. Check the id; begin again without `after` if there was one."
        super().__init__("parameter_refused", sentence or generally, details)


class FieldUnknown(ParameterRefused):
    """This version of Graph does not have a requested field, so the whole call failed. `field` is Graph's name of the
    field. The call is repeated without the field. A caller gets this error only if the service did not ask for the
    field.
    """

    def __init__(self, field: str, details: ErrorDetails = NO_DETAILS) -> None:
        super().__init__(details)
        self.field = field


class ProofRefused(GraphError):
    """Facebook did not accept `appsecret_proof`. The call is repeated once with the other form of the proof."""

    def __init__(self, details: ErrorDetails = NO_DETAILS) -> None:
        sentence = "Facebook does not accept the app's proof: ask the operator to check FACEBOOK_APP_SECRET."
        super().__init__("proof_refused", sentence, details)


class GraphRefused(GraphError):
    """Graph refuses permanently, for a reason that no caller can fix."""

    def __init__(self, details: ErrorDetails = NO_DETAILS) -> None:
        super().__init__("graph_refused", "Facebook refuses this call. The log has the code it gave.", details)
