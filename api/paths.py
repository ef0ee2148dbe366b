"""Slashes inside ids: `%2F` in a path belongs to an id and never divides the path.

Servers decode a path before it is routed, and then a slash of an id looks like one that divides. So what stands between
the slashes of the path as it was sent is decoded part by part, and a slash inside a part becomes SLASH, which `id_of`
turns back. No caller can send SLASH itself: it is half a character, and decoding never makes one.
"""

from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

SLASH: Final = "\udc2f"


def routed(raw_path: bytes) -> str:
    """The path to route by, from the path as it was sent."""
    return "/".join(unquote(part).replace("/", SLASH) for part in raw_path.decode("latin-1").split("/"))


def id_of(part: str) -> str:
    """An id, from the part of the routed path that it is."""
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
