"""`/facebook/...`: Facebook's calls when a person removes the app or wants deletion, and the page with the status."""

import re
from collections.abc import Callable
from typing import Any, Final, Literal, Protocol
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response

from domain.audit import client_address
from domain.errors import PageInboxError
from domain.purge import Deletion
from domain.secret import Secret
from ops.metrics import Metrics
from webhook.deletion_page import POLICY, later_page, status_page, unknown_page
from webhook.errors import BodyTooLarge, RequestRefused
from webhook.signed_request import SignedRequest, verify

DEAUTHORIZE: Final = "/facebook/deauthorize"
DATA_DELETION: Final = "/facebook/data-deletion"
STATUS: Final = f"{DATA_DELETION}/{{code}}"

MAX_BODY: Final = 8 * 1024
"""Limit: bytes of the body of a callback of Facebook. A genuine body has about 300 bytes."""
_MOST_FIELDS: Final = 20
_RETRY_AFTER: Final = "60"
_NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PAGE: Final = {**_NO_STORE, "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LOOPBACK: Final = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?")

Callback = Literal["deauthorize", "data_deletion"]
OUTCOMES: Final = ("done", "nothing_to_do", "repeated", "refused", "unavailable")


class Withdrawal(Protocol):
    """Carries out the requests (app/withdrawal.py). The methods raise kind unavailable if the store is unavailable."""

    async def deauthorize(self, request: SignedRequest, client: str, now_ms: int, /) -> int:
        """Stop all use of the person's tokens. Returns the number of Pages."""
        ...

    async def delete(self, request: SignedRequest, text: str, client: str, now_ms: int, /) -> tuple[str, int | None]:
        """Delete the person's data. Returns the confirmation code and the number of Pages. The number is None if an
        equal request was done before. `text` is the unchanged request.
        """
        ...

    async def find(self, code: str, /) -> Deletion | None:
        """Returns the status of a deletion, or None for an unknown code."""
        ...


class Callbacks:
    """The handlers. `now` returns Unix milliseconds. Without a `public_url`, the address of the status page has the
    host that Facebook called.
    """

    def __init__(
        self,
        withdrawal: Withdrawal,
        metrics: Metrics,
        *,
        app_secrets: tuple[Secret, ...],
        public_url: str | None,
        now: Callable[[], int],
    ) -> None:
        self._withdrawal = withdrawal
        self._metrics = metrics
        self._app_secrets = app_secrets
        self._public_url = public_url
        self._now = now

    async def deauthorize(self, request: Request) -> Response:
        """POST /facebook/deauthorize"""
        try:
            _, signed = await self._verified(request)
            pages = await self._withdrawal.deauthorize(signed, _client(request), self._now())
        except PageInboxError as error:
            self._refused("deauthorize", error)
            raise
        self._metrics.callback("deauthorize", "done" if pages else "nothing_to_do")
        return _json({})

    async def delete(self, request: Request) -> Response:
        """POST /facebook/data-deletion"""
        try:
            text, signed = await self._verified(request)
            address = self._address(request)
            code, pages = await self._withdrawal.delete(signed, text, _client(request), self._now())
        except PageInboxError as error:
            self._refused("data_deletion", error)
            raise
        self._metrics.callback("data_deletion", "repeated" if pages is None else "done" if pages else "nothing_to_do")
        return _json({"url": f"{address}{DATA_DELETION}/{code}", "confirmation_code": code})

    async def status(self, request: Request) -> Response:
        """GET /facebook/data-deletion/{code}"""
        code = request.path_params["code"]
        try:
            found = await self._withdrawal.find(code)
        except PageInboxError as error:
            if error.kind != "unavailable":
                raise
            request.scope.setdefault("state", {}).setdefault("log", {})["reason"] = error.reason
            return _html(later_page(), 503, {"Retry-After": _RETRY_AFTER})
        return _html(unknown_page(), 404) if found is None else _html(status_page(code, found))

    async def _verified(self, request: Request) -> tuple[str, SignedRequest]:
        text = signed_request_in(await _body(request))
        return text, verify(text, self._app_secrets, self._now() / 1000)

    def _address(self, request: Request) -> str:
        """Returns the beginning of the status page's address. Without `public_url`, the host is the one that the caller
        sent. This is safe: the caller's request is signed, the host is checked, and only this answer has it.
        """
        if self._public_url is not None:
            return self._public_url.rstrip("/")
        host = request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            raise RequestRefused("host_malformed")
        return f"{'http' if _LOOPBACK.fullmatch(host) else 'https'}://{host}"

    def _refused(self, callback: Callback, error: PageInboxError) -> None:
        self._metrics.callback(callback, "unavailable" if error.kind == "unavailable" else "refused")


def signed_request_in(body: bytes) -> str:
    """Returns `signed_request`, the only field of the form that the service uses.

    Raises:
        RequestRefused: the field is missing or repeated, or the body is not a form.
    """
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=_MOST_FIELDS).get("signed_request", [])
    except ValueError:
        fields = []
    if len(fields) != 1:
        raise RequestRefused("signed_request_missing")
    return fields[0]


def _client(request: Request) -> str:
    return client_address(request.client.host if request.client else None)


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_BODY:
            raise BodyTooLarge
    return bytes(read)


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), headers=_NO_STORE, media_type="application/json")


def _html(content: str, status: int = 200, more: dict[str, str] | None = None) -> Response:
    headers = _PAGE | {"Content-Language": "en, km"} | (more or {})
    return Response(content, status, headers, media_type="text/html")
