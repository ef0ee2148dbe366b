"""Pure: the OpenAPI 3.1 document of a route table, from the models that parse requests and describe answers."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import CoreSchema

from api import sse
from api.errors import MEDIA, TITLES
from api.models import STREAM_EVENTS, ProblemModel
from api.params import LONGEST_ID, PLAIN
from api.route import Route

Json = dict[str, Any]

_PATH_PARAMETERS = {
    "shop": ("The shop; a token is for one shop.", "demo"),
    "page": ("Facebook's id of the Page.", "104200000000001"),
    "post": ("`id` of a post, percent-encoded.", "104200000000001_7701"),
    "comment": ("`id` of a comment, percent-encoded.", "7701_5501"),
    "psid": ("The customer's id, as this Page knows them.", "7000000000000001"),
    "purge_id": ("`purge_id` of a receipt.", "p-1"),
}
"""Meaning and an example."""

_ID = ("Its `id`, percent-encoded.", "m_1")

_REASONS = {
    400: "A parameter, a field or the body is refused, by us or by Facebook (`parameter_refused`); `detail` says "
    "which. A Page's token may be of another app, another Page or a person: `token_of_another_app`, "
    "`token_of_another_page`, `token_not_of_a_page`.",
    401: "No token, or not a good one: `token_missing`, `token_malformed`, `token_expired`, `token_invalid`, "
    "`ticket_invalid`.",
    403: "The token is for another shop (`wrong_shop`) or lacks the scope (`scope_missing`).",
    404: "There is none, or none of this shop; at Facebook, none that the Page's token may see (`object_not_found`).",
    405: "This address does not answer to this method.",
    409: "The Page belongs to another shop (`page_of_another_shop`); it has no token that Facebook accepts and must be "
    "connected with a new one (`reconnect_page`); or its token may not do this (`permission_missing`).",
    413: "The body is too large.",
    429: "Facebook has had enough calls for a while (`throttled`), or has blocked the Page (`policy_blocked`); or the "
    "shop has too many open streams (`too_many_viewers`): try again after `Retry-After` seconds, not before.",
    500: "Something went wrong on our side.",
    501: "The operator has not set what this needs (`setting_missing`); `detail` names it.",
    502: "Facebook failed; what may pass was tried again: `graph_unavailable`, `graph_unreachable`, `too_much_data`, "
    "`graph_refused`, `proof_refused`, `graph_redirected`.",
    503: "The store is not to be reached, or no more streams can be opened here (`streams_full`): try again after "
    "`Retry-After` seconds.",
    504: "Facebook did not answer in time (`graph_timeout`).",
}

_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}

_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "RFC 6750."}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}

_ABOUT = """\
Messages that customers send to a shop's Facebook Pages, kept for five days and no longer.

Every call needs a token for the shop (`Authorization: Bearer …`) that bears the call's scope. Times are RFC 3339 in
UTC with milliseconds. Lists go on with `cursor`; a list already begun is not shifted by what arrives meanwhile.

What is marked "on demand" is fetched from Facebook now and kept nowhere: its lists go on with `after`, its items bear
Facebook's own field names, and what Facebook does not tell is absent.

Errors are problem JSON (RFC 9457). Nothing may be cached on the way."""


def describe(routes: Iterable[Route], *, version: str, public_url: str | None = None) -> Json:
    """The document. Raises `ValueError` when two routes have one name."""
    described = [route for route in routes if route.described]
    names = [route.name for route in described]
    if len(set(names)) < len(names):
        raise ValueError("two routes have one name: " + ", ".join(sorted({n for n in names if names.count(n) > 1})))
    paths: dict[str, Json] = {}
    for route in described:
        paths.setdefault(_template(route.path), {})[route.method.lower()] = _operation(route)
    problems = sorted({status for route in described for status in _problems(route)})
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Page Inbox", "version": version, "description": _ABOUT},
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in described) if tag],
        "paths": paths,
        "components": {
            "schemas": _schemas(described),
            "responses": {_problem_name(status): _problem(status) for status in problems},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    if public_url:
        document["servers"] = [{"url": public_url.rstrip("/")}]
    return document


def _operation(route: Route) -> Json:
    operation: Json = {"operationId": route.name, "summary": route.summary}
    if route.tag:
        operation["tags"] = [route.tag]
    scope = f"Scope: `{route.scope}`." if route.scope else ""
    if told := "\n\n".join(filter(None, (route.description, scope))):
        operation["description"] = told
    operation["security"] = [{"token": [route.scope]}] if route.scope else []
    if parameters := _path_parameters(route.path) + _query_parameters(route.query):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.body)}}}
    content: Json = {"schema": _ref(route.answer) if route.answer else {}}
    if route.media == sse.MEDIA:
        content["x-events"] = {name: _ref(model) for name, model in STREAM_EVENTS.items()}
    answers: Json = {str(route.status): {"description": _first_line(route.answer), "content": {route.media: content}}}
    for status in _problems(route):
        answers[str(status)] = {"$ref": f"#/components/responses/{_problem_name(status)}"}
    operation["responses"] = answers
    return operation


def _problems(route: Route) -> Sequence[int]:
    """The statuses of its problems: its own, and those that follow from what it takes."""
    statuses = set(route.statuses)
    if route.scope is not None:
        statuses |= {400, 401, 403, 500, 503}
    if route.scope is not None and route.method != "GET":
        statuses.add(429)
    if route.body is not None:
        statuses |= {400, 413}
    return sorted(statuses)


def _path_parameters(path: str) -> list[Json]:
    parameters = []
    for name in re.findall(r"{([^}:]+)", path):
        meaning, example = _PATH_PARAMETERS.get(name, _ID)
        schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": PLAIN}
        parameters.append(
            {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema, "example": example}
        )
    return parameters


def _query_parameters(model: type[BaseModel] | None) -> list[Json]:
    if model is None:
        return []
    schema = model.model_json_schema(schema_generator=_Plain)
    required = schema.get("required", [])
    parameters = []
    for name, field in schema.get("properties", {}).items():
        parameter: Json = {"name": name, "in": "query", "required": name in required}
        if name not in required:
            parameter["allowEmptyValue"] = True  # counts as absent
        if description := field.pop("description", ""):
            parameter["description"] = description
        if examples := field.pop("examples", []):
            parameter["example"] = examples[0]
        parameters.append(parameter | {"schema": field})
    return parameters


def _schemas(routes: Sequence[Route]) -> Json:
    """Every model of the table and of the stream's events, by its name."""
    asked: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemModel, "serialization"): None}
    asked |= {(route.body, "validation"): None for route in routes if route.body}
    asked |= {(route.answer, "serialization"): None for route in routes if route.answer}
    if any(route.media == sse.MEDIA for route in routes):
        asked |= {(model, "serialization"): None for model in STREAM_EVENTS.values()}
    template = "#/components/schemas/{model}"
    _, definitions = models_json_schema([*asked], ref_template=template, schema_generator=_Plain)
    schemas: Json = definitions["$defs"]
    return schemas


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _problem(status: int) -> Json:
    answer: Json = {"description": _REASONS.get(status, TITLES[status])}
    if status in _HEADERS:
        answer["headers"] = _HEADERS[status]
    return answer | {"content": {MEDIA: {"schema": _ref(ProblemModel)}}}


def _problem_name(status: int) -> str:
    return TITLES[status].replace(" ", "")


def _template(path: str) -> str:
    """A Starlette path as OpenAPI writes it: without convertors."""
    return re.sub(r"{([^}:]+):[^}]+}", r"{\1}", path)


def _first_line(model: type[BaseModel] | None) -> str:
    return ((model and model.__doc__) or "OK.").strip().splitlines()[0]


class _Plain(GenerateJsonSchema):
    """JSON Schema without the titles pydantic makes of names; what may be absent is not for that reason null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Json:
        described = super().default_schema(schema)
        if described.get("default", 0) is None:
            del described["default"]
            others = [one for one in described.pop("anyOf", []) if one != {"type": "null"}]
            described |= others[0] if len(others) == 1 else {"anyOf": others} if others else {}
        return described

    def model_schema(self, schema: Any) -> Json:
        described = super().model_schema(schema)
        described.pop("title", None)
        return described

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> Json:
        described = super().generate(schema, mode)
        described.pop("title", None)
        return described
