"""Slashes inside ids: `%2F` in a path belongs to an id and never divides the path.

Servers decode a path before routing, and then a slash inside an id looks like a dividing slash. So this module splits
the path as it was sent, and decodes each part. A slash inside a part becomes SLASH, which `id_of` turns back into a
slash. No caller can send SLASH itself: it is half a character, and decoding never returns one.
"""

from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

SLASH: Final = "\udc2f"


def routed(raw_path: bytes) -> str:
    """Returns the path for routing, from the path as it was sent."""
    return "/".join(unquote(part).replace("/", SLASH) for part in raw_path.decode("latin-1").split("/"))


def id_of(part: str) -> str:
    """Returns an id from its part of the routed path."""
    return part.replace(SLASH, "/")


class SlashesInIds:
    """Wraps an application that routes by `scope["path"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        raw_path = scope.get("raw_path") or b""
        if b"%2f" in raw_path.lower():
            scope["path"] = routed(raw_path)
        await self._app(scope, receive, send)
