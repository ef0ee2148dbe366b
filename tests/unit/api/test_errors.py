"""Every error becomes problem JSON and reveals nothing private."""

from typing import Any, get_args

import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.testclient import TestClient

from api.errors import STATUS, TITLES, exception_handlers, problem
from api.models import ProblemModel
from domain.errors import Kind
from tests.unit.api.fakes import SHOP, Refused, Setup


def test_every_kind_has_a_status_and_every_status_a_title() -> None:
    """This test fails if the domain gets a new kind of error without a status."""
    assert set(STATUS) == set(get_args(Kind))
    assert set(STATUS.values()) == set(TITLES)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_problem_has_the_status_reason_and_sentence_of_its_error(kind: Kind) -> None:
    """The problem also has the id of the request."""
    answer = problem(Refused(kind, "some_reason"), "r-1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert orjson.loads(answer.body) == {
        "type": "about:blank",
        "title": TITLES[STATUS[kind]],
        "status": STATUS[kind],
        "detail": "It is some_reason.",
        "reason": "some_reason",
        "request_id": "r-1",
    }
    ProblemModel.model_validate_json(bytes(answer.body))
    assert answer.status_code == STATUS[kind]


@pytest.mark.parametrize(("given", "told"), [(None, "1"), (0, "1"), (7, "7")])
def test_an_unavailable_answer_has_the_header_retry_after(given: int | None, told: str) -> None:
    """`Retry-After` is at least one second."""
    assert problem(Refused("unavailable", "redis_full", retry_after=given), "r").headers["retry-after"] == told


@pytest.mark.parametrize(
    ("kind", "reason", "told"),
    [
        ("unauthenticated", "token_missing", 'Bearer realm="page-inbox"'),
        ("unauthenticated", "token_expired", 'Bearer realm="page-inbox", error="invalid_token"'),
        ("forbidden", "scope_missing", 'Bearer realm="page-inbox", error="insufficient_scope"'),
    ],
)
def test_an_answer_401_or_403_has_the_header_www_authenticate(kind: Kind, reason: str, told: str) -> None:
    """The header `WWW-Authenticate` says why the request is refused (RFC 6750, 3)."""
    assert problem(Refused(kind, reason), "r").headers["www-authenticate"] == told


def test_an_unknown_address_and_method_are_problems_too(setup: Setup) -> None:
    """A 405 names every method of the address."""
    answer = setup.client.get("/nowhere")
    assert (answer.status_code, answer.json()["reason"]) == (404, "route_not_found")
    answer = setup.client.post(f"{SHOP}/pages/1")
    assert (answer.status_code, answer.json()["reason"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_answer_to_an_unexpected_error_hides_its_message() -> None:
    """The message of an unexpected error may contain any text."""
    answer = _client(RuntimeError("the canary")).get("/")
    assert (answer.status_code, answer.json()["reason"]) == (500, "internal_error")
    assert "canary" not in answer.text
    ProblemModel.model_validate_json(answer.content)


def _client(error: Exception, state: dict[str, Any] | None = None) -> TestClient:
    """Returns a client of an application that raises, after a middleware gave the request a state."""

    async def fail(request: Request) -> Any:
        request.scope.setdefault("state", {}).update(state or {})
        raise error

    app = Starlette(routes=[Route("/", fail)], exception_handlers=exception_handlers())
    return TestClient(app, raise_server_exceptions=False)


def test_a_problem_has_the_id_of_its_request() -> None:
    """If there is no request id, a new one is made."""
    assert _client(Refused("conflict", "x"), {"request_id": "r-9"}).get("/").json()["request_id"] == "r-9"
    assert len(_client(Refused("conflict", "x")).get("/").json()["request_id"]) == 32


def test_the_log_line_has_the_reason_of_the_error() -> None:
    """The values that were bound before stay."""
    state: dict[str, Any] = {"log": {"shop": "demo"}}
    for error, reason in (
        (Refused("conflict", "x"), "x"),
        (HTTPException(404), "route_not_found"),
        (ClientDisconnect(), "body_incomplete"),
        (RuntimeError(), "internal_error"),
    ):
        _client(error, state).get("/")
        assert state["log"] == {"shop": "demo", "reason": reason}


def test_a_status_outside_the_table_gets_its_http_phrase_as_reason() -> None:
    """An error of a library can have such a status."""
    answer = _client(HTTPException(431, headers={"X-Why": "long"})).get("/")
    assert answer.headers["x-why"] == "long"
    assert answer.json()["reason"] == "request_header_fields_too_large"
