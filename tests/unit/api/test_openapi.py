"""The service makes its OpenAPI description from the table of routes and from the models that the handlers use."""

import re
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from api.models import ProblemModel
from api.openapi import describe
from api.route import Route
from tests.unit.api.fakes import COMMENT, MESSAGE, SHOP, Setup, Store, table

ROUTES = table(Store())


@pytest.fixture
def document() -> dict[str, Any]:
    """Returns the description of the whole table."""
    return describe(ROUTES, version="1.0", url="https://inbox.example")


def _references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(_references, part.values()))
    return set().union(*map(_references, part)) if isinstance(part, list) else set()


def test_every_route_is_described_once(document: dict[str, Any]) -> None:
    """Each pair of method and path occurs once."""
    described = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(described) == {(route.method, route.path) for route in ROUTES}
    names = [operation["operationId"] for operation in described.values()]
    assert len(set(names)) == len(names)


def test_every_reference_has_a_target_and_every_component_is_used(document: dict[str, Any]) -> None:
    components = document["components"]
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
    assert _references(document) == there


def test_every_parameter_of_a_path_is_declared(document: dict[str, Any]) -> None:
    """Each parameter is required, as OpenAPI demands."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            declared = [p["name"] for p in operation["parameters"] if p["in"] == "path" and p["required"]]
            assert declared == re.findall(r"{(\w+)}", path)


def test_the_description_has_scopes_problems_and_servers(document: dict[str, Any]) -> None:
    """A generated client needs this information."""
    assert document["servers"] == [{"url": "https://inbox.example"}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    connect = document["paths"]["/v1/shops/{shop}/pages/{page}"]["put"]
    assert connect["security"] == [{"token": ["shop:admin"]}]
    assert sorted(connect["responses"]) == [
        *("200", "400", "401", "403", "404", "409", "413", "429", "500", "501", "502", "503", "504")
    ]
    assert connect["responses"]["503"] == {"$ref": "#/components/responses/ServiceUnavailable"}
    assert describe(ROUTES, version="1.0")["servers"] == [{"url": "/"}]


def test_query_parameters_are_optional_and_never_null(document: dict[str, Any]) -> None:
    """A caller leaves out a parameter that has no value."""
    parameters = document["paths"]["/v1/shops/{shop}/messages"]["get"]["parameters"]
    query = {p["name"]: p for p in parameters if p["in"] == "query"}
    assert set(query) >= {"limit", "cursor", "conversation", "page", "direction", "since", "until"}
    assert query["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}
    assert query["direction"]["schema"] == {"type": "string", "enum": ["in", "out"]}
    assert query["since"]["schema"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert not any(p["required"] or "null" in str(p["schema"]) for p in query.values())


def test_answers_429_and_503_describe_the_header_retry_after(document: dict[str, Any]) -> None:
    """Only answers 429 and 503 have `Retry-After`."""
    answers = document["components"]["responses"]
    bearing = {name for name, answer in answers.items() if "Retry-After" in answer.get("headers", {})}
    assert bearing == {"TooManyRequests", "ServiceUnavailable"}


def test_a_page_token_is_described_as_a_password_in_requests_only(document: dict[str, Any]) -> None:
    """Generated clients hide a password, and expect no password in an answer."""
    token = document["components"]["schemas"]["PageConnect"]["properties"]["access_token"]
    assert (token["type"], token["format"], token["writeOnly"]) == ("string", "password", True)
    assert (token["minLength"], token["maxLength"]) == (1, 4096)
    assert "required" not in document["components"]["schemas"]["PageConnect"]


def test_the_description_uses_facebooks_own_field_names(document: dict[str, Any]) -> None:
    """The API has the field `from`, although this word is a keyword of Python. Facebook may add fields."""
    schema = {"$ref": "#/components/schemas/CommentsModel", "components": document["components"]}
    assert jsonschema_rs.is_valid(schema, {"items": [COMMENT | {"new": 1}], "after": None})
    assert not jsonschema_rs.is_valid(schema, {"items": [COMMENT | {"from": "7"}], "after": None})
    assert not jsonschema_rs.is_valid(schema, {"items": [COMMENT]})
    assert not jsonschema_rs.is_valid(schema, {"items": [COMMENT | {"created_time": None}], "after": None})


def test_two_routes_of_one_name_are_refused() -> None:
    """An `operationId` must be unique."""
    with pytest.raises(ValueError, match="one name: listMessages"):
        describe([ROUTES[0], replace(ROUTES[1], name="listMessages")], version="1.0")


def test_convertors_of_a_path_stay_out_of_the_description() -> None:
    """The convertors belong to Starlette."""
    document = describe([replace(ROUTES[1], path="/v1/shops/{shop}/messages/{id:path}")], version="1.0")
    assert list(document["paths"]) == ["/v1/shops/{shop}/messages/{id}"]


def test_a_route_that_is_not_described_stays_out() -> None:
    """The page `/docs`, for example, does not describe itself."""
    assert describe([replace(ROUTES[0], described=False)], version="1.0")["paths"] == {}


async def _page(_: Any) -> Any:
    raise NotImplementedError


def test_a_public_route_needs_no_token_and_may_answer_text() -> None:
    """For example, the handshake needs no token and answers text."""
    route = Route("GET", "/webhook", _page, "handshake", None, "Handshake", statuses=(403,), media="text/plain")
    document = describe([route], version="1.0")
    operation = document["paths"]["/webhook"]["get"]
    assert operation["security"] == []
    assert operation["responses"]["200"]["content"] == {"text/plain": {"schema": {}}}
    assert sorted(operation["responses"]) == ["200", "403"]


def test_an_optional_field_is_not_nullable_and_a_cursor_is_nullable(document: dict[str, Any]) -> None:
    """An absent fact is left out and is never null. At the end of a list the cursor is null."""
    schemas = document["components"]["schemas"]
    assert "text" not in schemas["MessageModel"]["required"]
    assert schemas["MessageModel"]["properties"]["text"] == {"type": "string"}
    assert "next_cursor" in schemas["MessagesModel"]["required"]
    assert schemas["MessagesModel"]["properties"]["next_cursor"]["anyOf"][1] == {"type": "null"}
    for model in schemas.values():
        jsonschema_rs.meta.validate(model)


def test_a_message_fits_its_schema_only_with_its_receipt_time(document: dict[str, Any]) -> None:
    """The validator of this test is not the library that made the schema."""
    schema = {"$ref": "#/components/schemas/MessageModel", "components": document["components"]}
    assert jsonschema_rs.is_valid(schema, MESSAGE)
    assert not jsonschema_rs.is_valid(schema, {k: v for k, v in MESSAGE.items() if k != "received_at"})
    assert not jsonschema_rs.is_valid(schema, MESSAGE | {"text": None})


def test_schemathesis_reads_the_description(setup: Setup) -> None:
    """A parser of other authors finds every operation, and finds the document valid."""
    import schemathesis

    answer = setup.client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    schema = schemathesis.openapi.from_dict(answer.json())
    schema.validate()
    assert len(list(schema.get_all_operations())) == len(setup.routes)


def test_a_problem_fits_its_schema(setup: Setup) -> None:
    """All other answers refer to this schema."""
    ProblemModel.model_validate_json(setup.client.get(f"{SHOP}/messages/none").content)
