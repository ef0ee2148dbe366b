"""The root of every error that the service raises on purpose."""

from typing import ClassVar, Literal

Kind = Literal[
    "invalid",
    "unauthenticated",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "conflict",
    "too_large",
    "throttled",
    "unavailable",
    "upstream_failed",
    "upstream_timeout",
    "not_configured",
    "internal",
]
"""The class of the failure. Only `api/errors.py` turns it into an HTTP status."""


class PageInboxError(Exception):
    """An error with a name.

    `reason` is a slug from the closed list of the module that raises the error. The log field, the metric label and the
    problem code have the same slug. `retry_after` is the number of seconds to wait. The sentence is for people. It
    holds no content, token, secret or telephone number.
    """

    kind: ClassVar[Kind] = "internal"

    def __init__(self, reason: str, sentence: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(sentence or reason.replace("_", " "))
        self.reason = reason
        self.retry_after = retry_after
