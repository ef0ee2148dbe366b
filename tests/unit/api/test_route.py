"""No request reaches a handler without its scope, and the guard checks in a fixed order."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from api.auth import Tokens
from api.errors import exception_handlers
from api.params import ConversationsQuery
from api.route import MAX_BODY, Route, client_of, guarded, to_starlette
from domain.audit import UNKNOWN_CLIENT, Access
from domain.shop import SCOPES
from tests.unit.api.fakes import ALL, SECRET, SHOP, Recorder, Setup, Store, Unavailable, table

ROUTES = table(Store())
BODIES: dict[str, dict[str, Any]] = {
    "changeShop": {"paused": True},
    "changePage": {"paused": True},
    "connectPage": {},
    "markConversation": {},
    "changeLabels": {"labels": []},
}


def _path(route: Route) -> str:
    return re.sub(r"{(\w+)}", lambda found: "demo" if found[1] == "shop" else "m_1", route.path)


def _send(setup: Setup, route: Route, headers: dict[str, str]) -> Any:
    setup.client.headers.clear()
    return setup.client.request(route.method, _path(route), headers=headers, json={})


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_refuses_strangers_other_shops_and_other_scopes(setup: Setup, route: Route) -> None:
    """The handler does not run."""
    assert route.scope is not None
    answer = _send(setup, route, {})
    assert (answer.status_code, answer.json()["reason"]) == (401, "token_missing")
    answer = _send(setup, route, {"Authorization": "Bearer a.b.c"})
    assert (answer.status_code, answer.json()["reason"]) == (401, "token_malformed")
    answer = _send(setup, route, setup.bearer("other", *SCOPES))
    assert (answer.status_code, answer.json()["reason"]) == (403, "wrong_shop")
    others = [scope for scope in SCOPES if scope != route.scope]
    answer = _send(setup, route, setup.bearer("demo", *others))
    assert (answer.status_code, answer.json()["reason"]) == (403, "scope_missing")
    assert setup.store.asked == ()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_refuses_a_parameter_it_does_not_know(setup: Setup, route: Route) -> None:
    """The refusal comes before the handler runs."""
    answer = setup.client.request(route.method, _path(route), params={"colour": "red"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "unknown_parameter")
    assert setup.store.asked == ()


def test_a_token_for_every_shop_reaches_any_shop_but_not_the_name_star(setup: Setup) -> None:
    """`*` is a claim of a token and cannot be a shop."""
    headers = setup.bearer("*")
    assert setup.client.get("/v1/shops/any/pages", headers=headers).status_code == 200
    assert setup.store.asked == ("shop", "any")
    for star in ("*", "%2A"):
        answer = setup.client.get(f"/v1/shops/{star}/pages", headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_parameter")


def test_ids_of_the_path_are_checked(setup: Setup) -> None:
    """The check comes after the check of the token and before any call of the store."""
    for written in ("a%00b", "a%0Ab", "x" * 513):
        answer = setup.client.get(f"{SHOP}/messages/{written}")
        assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_parameter")
    assert setup.store.asked == ()


def test_a_body_over_the_cap_is_refused_by_its_length_and_by_counting(setup: Setup) -> None:
    """The body is refused whether or not it declares its size."""

    def chunks() -> Iterator[bytes]:
        yield from [b" " * 1024] * (MAX_BODY // 1024 + 1)

    for content in (b" " * (MAX_BODY + 1), chunks()):
        answer = setup.client.put(f"{SHOP}/pages/1", content=content)
        assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")
    answer = setup.client.put(f"{SHOP}/pages/1", content=b"{}".ljust(MAX_BODY))
    assert answer.status_code == 200


def test_an_unexpected_body_is_not_read(setup: Setup) -> None:
    """A DELETE with a body works as a DELETE without one."""
    answer = setup.client.request("DELETE", f"{SHOP}/messages/m_1", content=b"{" * (MAX_BODY + 1))
    assert answer.status_code == 200


def test_head_is_answered_like_get(setup: Setup) -> None:
    """The same handler and the same guard answer HEAD."""
    assert setup.client.head(f"{SHOP}/messages").status_code == 200
    setup.client.headers.clear()
    assert setup.client.head(f"{SHOP}/messages").status_code == 401


def _noting(setup: Setup, seen: list[dict[str, Any]]) -> TestClient:
    """Returns the setup, and a list that receives the state of each request afterwards, as the log line does."""

    async def app(scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"] = {}
            seen.append(scope["state"])
        await setup.app(scope, receive, send)

    return TestClient(app)


def test_the_log_line_has_the_shop_and_subject(setup: Setup) -> None:
    """The log line has nothing from a caller without a good token. If a token is for the wrong shop, the line has the
    subject."""
    seen: list[dict[str, Any]] = []
    client = _noting(setup, seen)
    client.get("/v1/shops/any/pages", headers=setup.bearer("*"))
    client.get(f"{SHOP}/pages", headers=setup.bearer("other"))
    client.get(f"{SHOP}/pages")
    assert [state["log"] for state in seen] == [
        {"shop": "any", "subject": "dara"},
        {"shop": "other", "subject": "dara", "reason": "wrong_shop"},
        {"reason": "token_missing"},
    ]


def test_a_call_of_facebook_lets_other_requests_start_before_it_waits(setup: Setup) -> None:
    """The route tells the public port that it will call Facebook, after all checks. For a read of the store it does
    not.
    """
    told: list[str] = []

    async def app(scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"] = {"prepared": lambda: told.append(f"{scope['path']} {setup.store.asked}")}
        await setup.app(scope, receive, send)

    client = TestClient(app, headers=setup.bearer())
    client.get(f"{SHOP}/pages/1/posts?limit=0")
    client.get(f"{SHOP}/messages")
    assert told == []
    setup.store.asked = ()
    assert client.get(f"{SHOP}/pages/1/posts").status_code == 200
    assert told == [f"{SHOP}/pages/1/posts ()"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_call_is_recorded_before_its_handler_runs(setup: Setup, route: Route) -> None:
    """The entry has who, what and from where. A change names its Page. If the call cannot be recorded, it is answered
    503."""
    setup.recorder.error = Unavailable()
    call = (route.method, _path(route))
    answer = setup.client.request(*call, json=BODIES.get(route.name))
    assert (answer.status_code, answer.json()["reason"]) == (503, "redis_unreachable")
    assert setup.store.asked == ()

    setup.recorder.error = None
    setup.client.request(*call, json=BODIES.get(route.name))
    page = "m_1" if "{page}" in route.path and route.method != "GET" else None
    read = route.method == "GET" or route.scope == "messages:read"
    assert setup.recorder.recorded == [
        ("demo", Access(route.name, "dara", "192.0.2.7", page, read=read, limited=not read))
    ]
    assert setup.store.asked != ()


def test_a_call_refused_before_its_handler_is_not_recorded(setup: Setup) -> None:
    """A refused call has read no data, and a stranger must not be able to fill a shop's audit log."""
    assert setup.client.get(f"{SHOP}/messages?colour=red").status_code == 400
    assert setup.client.get("/v1/shops/other/messages").status_code == 403
    assert setup.client.get(f"{SHOP}/messages", headers={"Authorization": ""}).status_code == 401
    assert setup.recorder.recorded == []


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (("2001:DB8::0:7", 1), "2001:db8::7"),
        (("testclient", 1), UNKNOWN_CLIENT),
        (("7000000000000001", 1), UNKNOWN_CLIENT),
        (None, UNKNOWN_CLIENT),
    ],
)
def test_the_client_is_an_address_or_unknown(client: tuple[str, int] | None, told: str) -> None:
    """A proxy may pass on any text as the client's address."""
    assert client_of(Request({"type": "http", "client": client})) == told


def test_a_table_with_a_route_that_cannot_be_guarded_is_refused_at_the_start() -> None:
    """The service refuses a table that has a route without a scope, or a route without a shop in its path."""
    tokens = Tokens([SECRET])
    with pytest.raises(ValueError, match="guarded"):
        to_starlette([replace(ROUTES[0], path="/v1/messages")], tokens, Recorder())
    with pytest.raises(ValueError, match="guarded"):
        guarded(replace(ROUTES[0], scope=None), tokens, Recorder())
    with pytest.raises(ValueError, match="twice"):
        to_starlette([ROUTES[0], ROUTES[0]], tokens, Recorder())


def test_a_handler_that_wants_another_model_than_its_route_declares_fails(setup: Setup) -> None:
    """The first test of the route shows the mistake in the table."""
    wrong = replace(setup.routes[0], query=ConversationsQuery)
    routes = to_starlette([wrong], setup.tokens, setup.recorder)
    app = Starlette(routes=[*routes], exception_handlers=exception_handlers())
    with pytest.raises(TypeError, match="MessagesQuery"):
        TestClient(app).get(f"{SHOP}/messages", headers=setup.bearer())


def test_a_path_refuses_methods_that_it_does_not_have() -> None:
    """The refusal names every method of the path, also if several routes share it."""

    async def answer(request: Request) -> Response:
        return PlainTextResponse(request.method)

    routes = [
        Route("GET", "/status", answer, "read", None, "Read"),
        Route("POST", "/status", answer, "write", None, "Write"),
    ]
    client = TestClient(Starlette(routes=[*to_starlette(routes, Tokens([SECRET]), Recorder())]))
    assert client.get("/status").text == "GET"
    assert client.post("/status").text == "POST"
    assert client.put("/status").headers["allow"].count(",") == 2


def test_every_path_of_a_shop_has_the_same_prefix() -> None:
    """One rule of a proxy can then cover all of them."""
    assert all(route.path.startswith(ALL) for route in ROUTES)
