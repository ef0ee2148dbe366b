"""The document that the service sends describes the table of routes that it uses."""

import json
import re
from typing import Any, get_args

import jsonschema_rs
import pytest
from starlette.testclient import TestClient

from api.auth import ScopeReason, TokenReason
from api.models import ProblemModel
from api.params import RequestReason
from cache.errors import NotFoundReason
from console.routes import HERE as CONSOLE
from domain.limits import CountReason, RateReason
from domain.shop import SCOPES
from graph_client.errors import Reason as GraphReason
from tests.house.unplugged import application

Json = dict[str, Any]

ROUTES = application().routes
GUARDED = [route for route in ROUTES if route.scope is not None]


@pytest.fixture(scope="module")
def document() -> Json:
    """Returns the description, read without a token and without Redis."""
    client = TestClient(application(PUBLIC_URL="https://inbox.example"))
    answer = client.get("/openapi.json")
    client.close()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found: Json = answer.json()
    return found


def operations(document: Json) -> dict[tuple[str, str], Json]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_is_openapi_3_1_with_a_title_and_a_server(document: Json) -> None:
    """A client generator reads these parts first."""
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] == "Page Inbox"
    assert document["info"]["version"]
    assert document["servers"] == [{"url": "https://inbox.example"}]


def test_every_guarded_route_is_described_and_nothing_else(document: Json) -> None:
    """The routes are compared by method and path. The only public route is the one with the keys that verify
    receipts."""
    keys = ("GET", "/.well-known/jwks.json")
    assert set(operations(document)) == {(route.method, route.path) for route in GUARDED} | {keys}


def test_every_operation_demands_the_scope_of_its_route(document: Json) -> None:
    """The scheme is declared. The description also names the scope in words."""
    described = operations(document)
    (scheme,) = document["components"]["securitySchemes"]
    for route in GUARDED:
        operation = described[route.method, route.path]
        assert operation["security"] == [{scheme: [route.scope]}]
        assert f"`{route.scope}`" in operation["description"]
        assert operation["summary"] == route.summary
        assert {str(route.status), "400", "401", "403", "500", "503"} <= set(operation["responses"])
    assert {route.scope for route in GUARDED} <= set(SCOPES)


def test_the_console_has_words_for_every_action() -> None:
    """The audit log records the name of each guarded route, and the two requests of Facebook."""
    words = json.loads((CONSOLE / "words/en.json").read_text(encoding="utf-8"))
    actions = {route.name for route in GUARDED} | {"deauthorize", "deleteData"}
    assert {action for action in actions if f"audit.act.{action}" not in words} == set()


def test_operation_ids_are_unique_words(document: Json) -> None:
    """Generated clients use them as names of methods."""
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", one) for one in ids)


def test_every_reference_has_a_target(document: Json) -> None:
    """Every reference has its target."""
    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_every_schema_is_a_valid_json_schema(document: Json) -> None:
    """The schemas follow JSON Schema 2020-12, which OpenAPI 3.1 uses unchanged."""
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.validator_for({**schema, "components": document["components"]})


def test_every_answer_and_every_reason_of_a_problem_has_an_example(document: Json) -> None:
    """Each example fits its schema, so that a reader sees the real form."""
    for methods in document["paths"].values():
        for name, operation in ((one["operationId"], one) for one in methods.values()):
            (status,) = [status for status in operation["responses"] if status.startswith("2")]
            (content,) = operation["responses"][status]["content"].values()
            assert "example" in content, name
            if "$ref" in content["schema"]:
                jsonschema_rs.validate(content["schema"] | {"components": document["components"]}, content["example"])
    for answer in document["components"]["responses"].values():
        examples = answer["content"]["application/problem+json"]["examples"]
        assert examples
        for reason, example in examples.items():
            assert ProblemModel.model_validate(example["value"]).reason == reason


def test_answers_are_open_for_new_fields_and_requests_are_closed(document: Json) -> None:
    """A generated client must read the answers of a later release. A misspelt field is refused."""
    schemas = document["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert closed == {route.body.__name__ for route in ROUTES if route.body}


def test_every_reason_is_described(document: Json) -> None:
    """Every reason that a caller can get, under its status. The reasons of Redis have a table of their own."""
    examples = [
        one["content"]["application/problem+json"]["examples"] for one in document["components"]["responses"].values()
    ]
    described = {reason for one in examples for reason in one}
    for reasons in (RequestReason, TokenReason, ScopeReason, CountReason, RateReason, GraphReason, NotFoundReason):
        assert set(get_args(reasons)) <= described


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()
