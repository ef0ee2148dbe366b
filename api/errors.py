"""The only place where errors become HTTP answers. The kind of an error decides the status. The body is problem JSON
(RFC 9457).

A problem holds the error's own sentence, its reason and the request's id. An unexpected error has no detail.
"""

import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from domain.errors import Kind, PageInboxError

MEDIA = "application/problem+json"

STATUS: Mapping[Kind, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "throttled": 429,
    "internal": 500,
    "not_configured": 501,
    "upstream_failed": 502,
    "unavailable": 503,
    "upstream_timeout": 504,
}
"""The only table that maps a kind of error to an HTTP status."""

TITLES: Mapping[int, str] = {status: HTTPStatus(status).phrase for status in STATUS.values()} | {
    413: "Content Too Large",  # Python before 3.13 has the older name
}
"""The title of a problem by status. RFC 9457, 4.2.1: with the type about:blank, the title is the status's own phrase.
"""

RETRY_AFTER = 1
"""Seconds to wait after an unavailable or throttled error that names no time."""

_REASONS: Mapping[int, tuple[str, str]] = {
    404: ("route_not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer to this method."),
    413: ("body_too_large", "The body is too large."),
}
"""Reason and sentence for requests that the router refuses by itself."""


def problem(error: PageInboxError, request_id: str) -> Response:
    """Returns the answer to an error that was raised on purpose."""
    headers: dict[str, str] = {}
    if error.kind == "unauthenticated" and error.reason.startswith("token_"):
        # Other reasons concern calls without a bearer token. RFC 6750, 3: a caller who sent no token gets no error
        # code.
        code = "" if error.reason == "token_missing" else ', error="invalid_token"'
        headers["WWW-Authenticate"] = f'Bearer realm="page-inbox"{code}'
    elif error.reason == "scope_missing":
        headers["WWW-Authenticate"] = 'Bearer realm="page-inbox", error="insufficient_scope"'
    elif error.kind in {"unavailable", "throttled"}:
        headers["Retry-After"] = str(max(1, error.retry_after or RETRY_AFTER))
    return _answer(STATUS[error.kind], str(error), error.reason, request_id, headers)


def exception_handlers() -> dict[Any, Any]:
    """Returns the `exception_handlers` for Starlette: every error of a route becomes a problem."""
    return {
        PageInboxError: _on_ours,
        HTTPException: _on_http,
        ClientDisconnect: _on_disconnect,
        Exception: _on_unexpected,
    }


def request_id(request: Request) -> str:
    """Returns the id in the `state` of the request's scope, or a new id if it has none."""
    known = request.scope.get("state", {}).get("request_id")
    return known if isinstance(known, str) else uuid.uuid4().hex


async def _on_ours(request: Request, error: PageInboxError) -> Response:
    _log(request, error.reason)
    return problem(error, request_id(request))


async def _on_http(request: Request, error: HTTPException) -> Response:
    title = TITLES.get(error.status_code, error.detail)
    reason, sentence = _REASONS.get(error.status_code, (_slug(title), title))
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    _log(request, reason)
    return _answer(error.status_code, sentence, reason, request_id(request), headers)


async def _on_disconnect(request: Request, _: Exception) -> Response:
    """Called if the caller closed the connection while sending the body. The answer is never sent, but its reason is
    logged.
    """
    _log(request, "body_incomplete")
    return _answer(400, "The body ended early.", "body_incomplete", request_id(request), {})


async def _on_unexpected(request: Request, _: Exception) -> Response:
    _log(request, "internal_error")
    return _answer(500, "Something went wrong on our side.", "internal_error", request_id(request), {})


def _answer(status: int, detail: str, reason: str, request_id: str, headers: dict[str, str]) -> Response:
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, detail),
        "status": status,
        "detail": detail,
        "reason": reason,
        "request_id": request_id,
    }
    headers["Cache-Control"] = "no-store"
    return Response(orjson.dumps(body), status, headers, media_type=MEDIA)


def _log(request: Request, reason: str) -> None:
    request.scope.setdefault("state", {}).setdefault("log", {})["reason"] = reason


def _slug(title: str) -> str:
    return re.sub("[^a-z0-9]+", "_", title.lower()).strip("_") or "refused"
