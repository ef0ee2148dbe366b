"""One authorized request in parts: the input of a handler, and the ways to answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.answers import json_of
from domain.ids import ShopId
from domain.shop import Principal

Model = TypeVar("Model", bound=BaseModel)

NO_STORE = {"Cache-Control": "no-store"}
"""No cache between the service and the shop may keep an answer."""


@dataclass(frozen=True, slots=True)
class AuthorizedCall:
    """The shop of the request, the caller, the path's other ids, and query and body as the route's models. Only the
    guard of a route (api/route.py) makes an AuthorizedCall.
    """

    request: Request
    shop: ShopId
    principal: Principal
    ids: Mapping[str, str]
    query: BaseModel | None
    body: BaseModel | None

    def query_as(self, model: type[Model]) -> Model:
        """Returns the query. Raises `TypeError` if the route does not declare `model`."""
        return _expect(self.query, model)

    def body_as(self, model: type[Model]) -> Model:
        """Returns the body. Raises `TypeError` if the route does not declare `model`."""
        return _expect(self.body, model)


def answer(content: BaseModel, *, status: int = 200) -> Response:
    """Returns an answer with the status and a model as JSON. Absent facts are left out."""
    return Response(json_of(content), status, headers=NO_STORE, media_type="application/json")


def answer_json(content: Any) -> Response:
    """Returns an answer with status 200 and JSON whose shape is Facebook's."""
    return answer_bytes(orjson.dumps(content))


def slice_body(name: str, items: Iterable[bytes], next_cursor: str | None, looked_at: int | None = None) -> bytes:
    """Returns `{name: [...], "next_cursor": ...}` from items that are JSON already. They are not parsed again."""
    body: dict[str, Any] = {name: list(map(orjson.Fragment, items)), "next_cursor": next_cursor}
    if looked_at is not None:
        body["looked_at"] = looked_at
    return orjson.dumps(body)


def answer_bytes(content: bytes) -> Response:
    """Returns an answer with status 200 and bytes that are JSON already."""
    return Response(content, headers=NO_STORE, media_type="application/json")


def _expect(value: BaseModel | None, model: type[Model]) -> Model:
    if not isinstance(value, model):
        raise TypeError(f"the route declares {type(value).__name__}, its handler wants {model.__name__}")
    return value
