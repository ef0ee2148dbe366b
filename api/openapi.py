"""Pure: the OpenAPI 3.1 document of a route table, from the models that parse requests and describe answers."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import CoreSchema

from api import export, sse
from api.errors import MEDIA, TITLES
from api.examples import COMMENT, CONVERSATION, EXAMPLES, EXPORT, FACEBOOK_CONVERSATION, PAGE, POST, PSID
from api.models import STREAM_EVENTS, ProblemModel
from api.params import Id
from api.problems import REASONS
from api.route import Route

Json = dict[str, Any]

_PATH_PARAMETERS = {
    "shop": ("The shop. A token is for one shop.", "demo-shop"),
    "page": ("Facebook's id of the Page.", PAGE),
    "post": ("`id` of a post, percent-encoded.", POST),
    "comment": ("`id` of a comment, percent-encoded.", COMMENT),
    "psid": ("The customer's id at this Page.", PSID),
    "n": ("The number of the attachment, from 0.", "0"),
    "video": ("`id` of a live video.", "9901"),
    "purge_id": ("`purge_id` of a receipt.", "p-1"),
}
"""The meaning of each parameter, and an example."""

_IDS = {
    "messages": ("`id` of a message, percent-encoded.", "m_1"),
    "conversations": ("`conversation_id` of a message, percent-encoded.", CONVERSATION),
    "facebook": ("`id` of a conversation as Facebook has it.", FACEBOOK_CONVERSATION),
}

_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}

_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "RFC 6750."}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}

_ABOUT = """\
Messages that customers send to a shop's Facebook Pages, kept for five days and no longer.

Every call needs a token for the shop (`Authorization: Bearer …`) that has the call's scope. Times are RFC 3339 in UTC
with milliseconds. Use `cursor` to get the next page of a list. Messages that arrive meanwhile do not shift it.

Calls marked "on demand" fetch from Facebook now and store nothing. Use `after` to get the next page of such a list. Its
items have Facebook's own field names. Fields that Facebook does not send are absent.

Errors are problem JSON (RFC 9457). `reason` is for programs. A release can add fields to answers, events and reasons.
A request with an unknown parameter or field is refused. No cache may store an answer.

`/client/v1.js` is a client in JavaScript, for pages of any origin and for Node."""


def describe(routes: Iterable[Route], *, version: str, url: str = "/") -> Json:
    """Returns the document of a service at `url`. Raises `ValueError` if two routes have the same name."""
    described = [route for route in routes if route.described]
    names = [route.name for route in described]
    if len(set(names)) < len(names):
        raise ValueError("two routes have one name: " + ", ".join(sorted({n for n in names if names.count(n) > 1})))
    paths: dict[str, Json] = {}
    for route in described:
        paths.setdefault(_template(route.path), {})[route.method.lower()] = _operation(route)
    problems = sorted({status for route in described for status in _problems(route)})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Page Inbox", "version": version, "description": _ABOUT},
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in described) if tag],
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": _schemas(described),
            "responses": {_problem_name(status): _problem(status) for status in problems},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route) -> Json:
    operation: Json = {"operationId": route.name, "summary": route.summary}
    if route.tag:
        operation["tags"] = [route.tag]
    scope = f"Scope: `{route.scope}`." if route.scope else ""
    if text := "\n\n".join(filter(None, (route.description, scope))):
        operation["description"] = text
    operation["security"] = [{"token": [route.scope]}] if route.scope else []
    if parameters := _path_parameters(route.path) + _query_parameters(route.query):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.body)}}}
    answers: Json = {
        str(route.status): {"description": _first_line(route.answer), "content": {route.media: _content(route)}}
    }
    for status in _problems(route):
        answers[str(status)] = {"$ref": f"#/components/responses/{_problem_name(status)}"}
    operation["responses"] = answers
    return operation


def _content(route: Route) -> Json:
    """Returns the body of a successful answer, with an example."""
    if route.media == sse.MEDIA:
        events = {name: _ref(model) for name, model in STREAM_EVENTS.items()}
        example = "\n".join(
            f"event: {name}\ndata: {orjson.dumps(EXAMPLES[model]).decode()}\n" for name, model in STREAM_EVENTS.items()
        )
        return {"schema": {"type": "string"}, "example": example, "x-events": events}
    if route.answer is None:
        return {"schema": {}, **({"example": EXPORT} if route.media == export.MEDIA else {})}
    return {"schema": _ref(route.answer)} | ({"example": EXAMPLES[route.answer]} if route.answer in EXAMPLES else {})


def _problems(route: Route) -> Sequence[int]:
    """Returns the statuses of a route's problems: its own, and those that follow from its parameters."""
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
    schema = TypeAdapter(Id).json_schema()
    for name in re.findall(r"{([^}:]+)", path):
        meaning, example = _PATH_PARAMETERS.get(name) or _id(path)
        parameters.append(
            {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema, "example": example}
        )
    return parameters


def _id(path: str) -> tuple[str, str]:
    """Returns the meaning of `{id}` in a path, and an example."""
    return _IDS["facebook" if "/pages/" in path else "conversations" if "/conversations/" in path else "messages"]


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
    """Returns every model of the table and of the stream's events, by its name."""
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
    reasons = REASONS.get(status, {})
    meanings = " ".join(f"`{reason}`: {meaning}" for reason, meaning in reasons.items()) or TITLES[status]
    answer: Json = {"description": meanings}
    if status in _HEADERS:
        answer["headers"] = _HEADERS[status]
    examples = {reason: {"value": _example(status, reason, meaning)} for reason, meaning in reasons.items()}
    return answer | {"content": {MEDIA: {"schema": _ref(ProblemModel), "examples": examples}}}


def _example(status: int, reason: str, meaning: str) -> Json:
    members = {"title": TITLES[status], "status": status, "detail": meaning, "reason": reason}
    return {"type": "about:blank", **members, "request_id": "4f7c2c0c6f0b4b0e8a54b6a5e0b7d3a1"}


def _problem_name(status: int) -> str:
    return TITLES[status].replace(" ", "")


def _template(path: str) -> str:
    """Returns a Starlette path in OpenAPI's form, without convertors."""
    return re.sub(r"{([^}:]+):[^}]+}", r"{\1}", path)


def _first_line(model: type[BaseModel] | None) -> str:
    return ((model and model.__doc__) or "OK.").strip().splitlines()[0]


class _Plain(GenerateJsonSchema):
    """JSON Schema without the titles that pydantic makes from names. A field that may be absent is not null. Requests
    allow no further fields, but answers allow them.
    """

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
        if self.mode == "serialization":
            described.pop("additionalProperties", None)  # an answer may get further fields
        return described

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> Json:
        described = super().generate(schema, mode)
        described.pop("title", None)
        return described
