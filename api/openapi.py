"""Pure: the OpenAPI 3.1 document of a route table, from the models that parse requests and describe answers."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import orjson

from api import sse
from api.errors import MEDIA, TITLES
from api.examples import COMMENT, CONVERSATION, EXAMPLES, EXPORT, FACEBOOK_CONVERSATION, PAGE, POST, PSID
from api.fields import Sent, fields_of, is_required, property_schema
from api.models import STREAM_EVENTS, ProblemModel
from api.params import LONGEST_ID, PLAIN
from api.problems import REASONS
from api.route import Route

Json = dict[str, Any]

NDJSON: Final = "application/x-ndjson"

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
        return {"schema": {}, **({"example": EXPORT} if route.media == NDJSON else {})}
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
    for name in re.findall(r"{([^}:]+)", path):
        meaning, example = _PATH_PARAMETERS.get(name) or _id(path)
        schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": PLAIN}
        parameters.append(
            {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema, "example": example}
        )
    return parameters


def _id(path: str) -> tuple[str, str]:
    """Returns the meaning of `{id}` in a path, and an example."""
    return _IDS["facebook" if "/pages/" in path else "conversations" if "/conversations/" in path else "messages"]


def _query_parameters(model: type[Sent] | None) -> list[Json]:
    if model is None:
        return []
    parameters = []
    for name, field in fields_of(model).items():
        required = is_required(model, name)
        parameter: Json = {"name": name, "in": "query", "required": required}
        if not required:
            parameter["allowEmptyValue"] = True  # counts as absent
        if field.description:
            parameter["description"] = field.description
        if field.example is not None:
            parameter["example"] = field.example
        parameters.append(parameter | {"schema": property_schema(model, name)})
    return parameters


def _schemas(routes: Sequence[Route]) -> Json:
    """Returns every model of the table and of the stream's events, by its name."""
    answers: dict[type[msgspec.Struct], None] = {ProblemModel: None}
    answers |= {route.answer: None for route in routes if route.answer}
    if any(route.media == sse.MEDIA for route in routes):
        answers |= dict.fromkeys(STREAM_EVENTS.values())
    _, schemas = msgspec.json.schema_components(answers, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema.pop("title", None)
        schema.pop("additionalProperties", None)  # an answer may get further fields
        if not schema["required"]:
            del schema["required"]
        for field in schema["properties"].values():
            if "enum" in field:
                field["type"] = "string"
    bodies = {route.body for route in routes if route.body}
    return dict(sorted((schemas | {body.__name__: _body(body) for body in bodies}).items()))


def _body(model: type[Sent]) -> Json:
    """Returns the schema of a body. It allows no further fields."""
    properties = {
        name: {"description": field.description, **property_schema(model, name)}
        for name, field in fields_of(model).items()
    }
    required = [name for name in properties if is_required(model, name)]
    return {
        "type": "object",
        "description": inspect.getdoc(model),
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
        "examples": list(model.EXAMPLES),
    }


def _ref(model: type) -> Json:
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


def _first_line(model: type | None) -> str:
    return ((model and model.__doc__) or "OK.").strip().splitlines()[0]
