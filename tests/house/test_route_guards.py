"""Calls every route of the table without a token, with the token of another shop, and with the wrong scope. It uses the
real application without a network. Redis cannot be reached, so a call that passes a guard gets 503 or 400 and fails the
test."""

import base64
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from starlette.testclient import TestClient

from api.auth import Tokens
from api.route import Route
from app.factory import Application, create_app
from domain.ids import ShopId
from domain.secret import Secret
from domain.shop import EVERY_SHOP, SCOPES, Scope
from ops.access_log import PATH
from ops.settings import read_settings

KEY = Secret("token-key-of-the-guarded-house-32")
PUBLIC = {
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/"),
    ("GET", "/console"),
    ("GET", "/console/{version}/{file:path}"),
    ("GET", "/client/{file}"),
}
"""Routes without a token. The webhook has no token either, but a signature."""
SIGNED = {("POST", "/facebook/deauthorize"), ("POST", "/facebook/data-deletion")}
"""Routes with a signature of Facebook, like the webhook."""
STATUS = ("GET", "/facebook/data-deletion/{code}")
"""Open to a person who has the code. The code cannot be guessed."""


def application() -> Application:
    """Returns the application with production settings and a Redis that refuses connections."""
    environ = {
        "REDIS_URL": "unix:///nonexistent/page-inbox.sock",
        "FACEBOOK_APP_SECRET": "app-secret-of-the-guarded-house",
        "FACEBOOK_VERIFY_TOKEN": "verify-token-of-the-guarded-house",
        "TOKEN_KEYS": KEY.reveal(),
        "SEAL_KEYS": base64.b64encode(b"seal-key-of-the-guarded-house-32").decode(),
    }
    return create_app(read_settings(environ, command="serve"))


@dataclass(frozen=True)
class Guarded:
    """One method at one path of a route that needs a token."""

    method: str
    path: str
    scope: Scope
    needs_more: bool
    """True if the call needs a body or a parameter."""


def _needs_parameter(route: Route) -> bool:
    return route.query is not None and any(field.is_required() for field in route.query.model_fields.values())


@pytest.fixture(scope="module")
def app() -> Application:
    """One application for all tests, because no test changes it."""
    return application()


@pytest.fixture(scope="module")
def guarded(app: Application) -> list[Guarded]:
    """Returns every route with a scope, at each of its paths. HEAD is added to each GET."""
    return [
        Guarded(method, path, route.scope, route.body is not None or _needs_parameter(route))
        for route in app.routes
        if route.scope is not None
        for path in (route.path, *route.also)
        for method in ((route.method, "HEAD") if route.method == "GET" else (route.method,))
    ]


@pytest.fixture(scope="module")
def client(app: Application) -> Iterator[TestClient]:
    """Yields a client that does not start the background tasks."""
    client = TestClient(app, raise_server_exceptions=False)
    yield client
    client.close()


def token(shop: str, *scopes: Scope, key: Secret = KEY, ttl: int = 60, now: float | None = None) -> str:
    """Returns a token as the service's own issuer makes it."""
    return Tokens([key]).mint(ShopId(shop), scopes, ttl, "dara", time.time() if now is None else now)


def assert_refused(client: TestClient, route: Guarded, bearer: str | None, status: int, reason: str) -> None:
    """Check that a call of this route gets this answer. A HEAD has no body, so it has no reason."""
    found = ask(client, route.method, route.path, bearer)
    assert (route, *found) == (route, status, "" if route.method == "HEAD" else reason)


def ask(client: TestClient, method: str, path: str, bearer: str | None) -> tuple[int, str]:
    """Returns status and reason of a call in the shop `demo`. A HEAD has no body, so it has no reason."""
    place = re.sub(r"{\w+}", "m_1", path.replace("{shop}", "demo"))
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    answer = client.request(method, place, headers=headers)
    if method == "HEAD":
        assert answer.content == b""
        return answer.status_code, ""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["reason"]


def test_only_the_listed_routes_are_public(app: Application) -> None:
    """A route that has lost its scope shows here."""
    assert {(route.method, route.path) for route in app.routes if route.scope is None} == {*PUBLIC, *SIGNED, STATUS}
    assert all(PATH not in (route.path, *route.also) for route in app.routes), "the webhook stands before the table"


def test_every_scope_of_the_route_table_is_a_known_scope(guarded: list[Guarded]) -> None:
    """Every guarded route has its shop in the path, which the guard compares with the token."""
    assert {route.scope for route in guarded} <= set(SCOPES)
    assert [route.path for route in guarded if "{shop}" not in route.path] == []


def test_a_call_without_a_token_is_refused(client: TestClient, guarded: list[Guarded]) -> None:
    """The answer is 401, also if the call has other mistakes."""
    for route in guarded:
        assert_refused(client, route, None, 401, "token_missing")
        assert_refused(client, replace(route, path=f"{route.path}?nonsense=1"), None, 401, "token_missing")


def test_a_call_with_an_invalid_token_is_refused(client: TestClient, guarded: list[Guarded]) -> None:
    """The answer is 401 for a token of another key, an expired token, and a text that is not a JWT."""
    for route in guarded:
        other = token("demo", route.scope, key=Secret("a-key-of-somebody-else-altogether"))
        expired = token("demo", route.scope, now=time.time() - 3600)
        assert_refused(client, route, other, 401, "token_invalid")
        assert_refused(client, route, expired, 401, "token_expired")
        assert_refused(client, route, "nonsense", 401, "token_malformed")


def test_a_call_with_the_token_of_another_shop_is_refused(client: TestClient, guarded: list[Guarded]) -> None:
    """The answer is 403 with every scope. A shop with a similar name is another shop too."""
    others = [token(other, *SCOPES) for other in ("demo2", "dem", "Demo", "demo ", "demo/x", "%64emo")]
    for route in guarded:
        for bearer in others:
            assert_refused(client, route, bearer, 403, "wrong_shop")


def test_a_call_without_the_scope_of_the_route_is_refused(client: TestClient, guarded: list[Guarded]) -> None:
    """The answer is 403 with all other scopes together and without any scope. A token for every shop gets the same
    answer."""
    for route in guarded:
        others = [known for known in SCOPES if known != route.scope]
        for shop in ("demo", EVERY_SHOP):
            assert_refused(client, route, token(shop, *others), 403, "scope_missing")
            assert_refused(client, route, token(shop), 403, "scope_missing")


def test_the_guard_accepts_the_right_token(client: TestClient, guarded: list[Guarded]) -> None:
    """The call then fails because the store does not exist, or because a body or parameter is missing. The refusals
    above therefore come from the guard."""
    for route in guarded:
        expected = 400 if route.needs_more else 503
        for shop in ("demo", EVERY_SHOP):
            found = ask(client, route.method, route.path, token(shop, route.scope))
            assert (route, found[0]) == (route, expected)


def test_the_public_routes_need_no_token(client: TestClient) -> None:
    """The public routes answer without a token and without Redis."""
    for method, path in PUBLIC:
        place = path.replace("{version}", "1").replace("{file:path}", "js/main.js").replace("{file}", "v1.js")
        assert client.request(method, place).status_code == 200


def test_a_request_of_facebook_is_refused_without_a_valid_signature(client: TestClient) -> None:
    """The refusal comes before any lookup. A status page shows nothing for an unknown code."""
    forged = {"signed_request": "-" * 43 + ".e30"}
    for method, path in SIGNED:
        assert client.request(method, path).json()["reason"] == "signed_request_missing"
        refusal = client.request(method, path, data=forged)
        assert (refusal.status_code, refusal.json()["reason"]) == (401, "signature_mismatch")
        assert "www-authenticate" not in refusal.headers
    assert client.get(STATUS[1].replace("{code}", "none")).status_code == 404


def test_a_route_outside_the_table_is_not_found(client: TestClient) -> None:
    """The answers 404 and 405 are problems, also with a good token. A slash at the end opens no other route."""
    bearer = token("demo", *SCOPES)
    for path in ("/v1", "/v1/shops", "/v1/shops/demo/nothing", "/v1/shops/demo/messages/", "/metrics", "/readyz"):
        assert ask(client, "GET", path, bearer) == (404, "route_not_found")
    assert ask(client, "POST", "/v1/shops/demo/messages", bearer) == (405, "method_not_allowed")
