"""A row of the route table, and the guard before every handler.

Requests are refused in this order: shop id (400), token (401), shop and scope (403), other ids and query (400), body
(400, 413), the audit log (503). The handler runs after all these checks, when the access is recorded. A route with a
scope cannot be served without its guard.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, cast
from urllib.parse import parse_qsl

import starlette.routing
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from api.auth import Tokens, Unauthenticated, authorize, bearer
from api.call import AuthorizedCall
from api.params import InvalidRequest, checked_id, parse_body, parse_query
from api.paths import id_of
from domain.audit import Access, client_address
from domain.errors import Kind, PageInboxError
from domain.ids import ShopId
from domain.shop import EVERY_SHOP, Principal, Scope

MAX_BODY = 64 * 1024
"""Limit: bytes of a body sent to the API. The largest body holds one Page token. The webhook has its own limit."""

Method = Literal["GET", "PUT", "POST", "PATCH", "DELETE"]
Endpoint = Callable[[Request], Awaitable[Response]]
"""The function of a public route."""

Handler = Callable[[AuthorizedCall], Awaitable[Response]]
"""The function of a guarded route."""


class RequestBodyTooLarge(PageInboxError):
    """More bytes than the API reads."""

    kind: ClassVar[Kind] = "too_large"

    def __init__(self) -> None:
        super().__init__("body_too_large", f"The body may have at most {MAX_BODY} bytes.")


class Recorder(Protocol):
    """Records accesses."""

    async def record(self, shop: ShopId, access: Access, /) -> None:
        """Return when the access is recorded. Raises kind unavailable if it cannot be recorded. Then the request must
        stop.
        """
        ...


class TicketTaker(Protocol):
    """Takes tickets. Each ticket replaces a token once."""

    async def take(self, shop: ShopId, ticket: str, /) -> Principal | None:
        """Returns the principal who got the ticket, or None if the shop has no such ticket any more."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    `path` is a Starlette template. If `scope` is None, the route is public: `endpoint` gets the request, and the models
    serve only the description. Else `endpoint` is a handler, and the path has `{shop}`. `name` becomes the operationId,
    and the action in the audit log. `status` is the status of success. `statuses` are its error statuses, in addition
    to those of scope, query and body. `also` are further addresses of the same route. A route that is not `described`
    is left out of `/openapi.json`. If a route is `apart`, each call has its own entry in the audit log, as each change
    has. If a route is `ticketed`, `?ticket=` replaces a token.
    """

    method: Method
    path: str
    endpoint: Endpoint | Handler
    name: str
    scope: Scope | None
    summary: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    statuses: tuple[int, ...] = ()
    tag: str = ""
    description: str = ""
    media: str = "application/json"
    also: tuple[str, ...] = ()
    described: bool = True
    apart: bool = False
    ticketed: bool = False
    status: int = 200


def guarded(route: Route, tokens: Tokens, recorder: Recorder, tickets: TicketTaker | None = None) -> Endpoint:
    """Returns the route's handler behind its guard. Raises `ValueError` for a route that cannot be guarded."""
    taker = tickets if route.ticketed else None
    scope, handler = route.scope, cast("Handler", route.endpoint)
    # A change has its own entry and counts as one of the shop's changes of the day. Marks and tickets are counted like
    # reads, under their own actions: their routes need only a scope to read, and staff mark conversations all day.
    read = (route.method == "GET" or route.scope in {"messages:read", "graph:read"}) and not route.apart
    if scope is None or "{shop}" not in route.path:
        raise ValueError(f"{route.name}: a guarded route needs a scope, and {{shop}} in its path")

    async def guard(request: Request) -> Response:
        ids = {name: id_of(part) for name, part in request.path_params.items()}
        # This is the first check, because no key, cache or log line may be made from a text of unlimited length.
        shop = ShopId(checked_id("shop", ids.pop("shop")))
        principal = await _ticket_holder(request, shop, taker) or tokens.verify(bearer(request.headers))
        log = request.scope.setdefault("state", {}).setdefault("log", {})
        log.update(shop=principal.shop, subject=principal.subject)
        authorize(principal, shop, scope)
        log["shop"] = shop
        if shop == EVERY_SHOP:
            # Only a token for every shop reaches this line. It must still name the shop.
            raise InvalidRequest("invalid_parameter", f"shop: {EVERY_SHOP} is not a shop.")
        for name, text in ids.items():
            checked_id(name, text)
        query = parse_query(route.query, _pairs(request))
        body = None
        if route.body is not None:
            body = parse_body(route.body, request.headers.get("content-type", ""), await read_body(request))
        page = None if read else ids.get("page")
        await recorder.record(
            shop, Access(route.name, principal.subject, client_of(request), page, read=read, limited=not read)
        )
        if scope == "graph:read" and (prepared := request.scope["state"].get("prepared")):
            prepared()  # the handler waits for Facebook, so the public port can start another request (app/callers.py)
        return await handler(AuthorizedCall(request, shop, principal, ids, query, body))

    return guard


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Returns the query, decoded as in Starlette, but without Starlette's dictionaries."""
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)


async def _ticket_holder(request: Request, shop: ShopId, tickets: TicketTaker | None) -> Principal | None:
    """Returns the holder of the ticket in the query. With a token in the header the ticket is not used."""
    if tickets is None or "authorization" in request.headers:
        return None
    ticket = request.query_params.get("ticket")
    if not ticket:
        return None
    principal = await tickets.take(shop, ticket)
    if principal is None:
        raise Unauthenticated("ticket_invalid", "The ticket was used, is too old, or never was one.")
    return principal


def client_of(request: Request) -> str:
    """Returns the address that the request came from, in the form of the audit log."""
    client = request.scope.get("client")
    return client_address(client[0] if client else None)


def to_starlette(
    routes: Iterable[Route], tokens: Tokens, recorder: Recorder, tickets: TicketTaker | None = None
) -> list[starlette.routing.Route]:
    """Returns the table for Starlette, with one route per path, so that a 405 names every method of the path.

    Raises `ValueError` if a method occurs twice at a path.
    """
    paths: dict[str, dict[str, ASGIApp]] = {}
    for route in routes:
        app = _as_app(route, tokens, recorder, tickets)
        for path in (route.path, *route.also):
            if paths.setdefault(path, {}).setdefault(route.method, app) is not app:
                raise ValueError(f"{route.method} {path} stands twice in the table")
    return [starlette.routing.Route(path, _ByMethod(apps), methods=list(apps)) for path, apps in paths.items()]


async def read_body(request: Request) -> bytes:
    """Returns the body. Raises `RequestBodyTooLarge` for a body over `MAX_BODY`, as soon as its size is known."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > MAX_BODY:
        raise RequestBodyTooLarge
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_BODY:
            raise RequestBodyTooLarge
    return bytes(read)


class _ByMethod:
    """Chooses a path's handler by method, and answers HEAD as GET. The router has refused all other methods already."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        method = scope["method"]
        await self._apps["GET" if method == "HEAD" else method](scope, receive, send)


def _as_app(route: Route, tokens: Tokens, recorder: Recorder, tickets: TicketTaker | None) -> ASGIApp:
    if route.scope is None:
        return starlette.routing.request_response(cast("Endpoint", route.endpoint))
    return starlette.routing.request_response(guarded(route, tokens, recorder, tickets))
