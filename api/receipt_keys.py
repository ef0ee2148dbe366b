"""Answers the public keys that verify receipts."""

from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response

PATH = "/.well-known/jwks.json"

_HEADERS = {"Cache-Control": "public, max-age=3600"}
"""A cached copy of the keys may be an hour old. A verifier that does not find a receipt's `kid` in its copy must ask
again.
"""


class PublicKeys(Protocol):
    """The public keys."""

    def jwks(self) -> dict[str, Any]:
        """Returns a JWK set (RFC 7517)."""
        ...


class ReceiptKeys:
    """The handler."""

    def __init__(self, keys: PublicKeys) -> None:
        self._body = orjson.dumps(keys.jwks())

    async def jwks(self, _: Request) -> Response:
        """GET /.well-known/jwks.json"""
        return Response(self._body, headers=_HEADERS, media_type="application/json")
