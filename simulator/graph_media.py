"""Simulates Facebook's content network on the same port as Graph, for the media addresses in Graph's answers."""

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator import pictures
from simulator.attachments import MEDIA
from simulator.graph_world import World

_PEOPLE: Final = "/p/"
_THINGS: Final = "/v/"
_KEPT: Final = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}


def with_media(graph: ASGIApp) -> ASGIApp:
    """Returns the application with pictures, stickers and voice recordings added."""
    voice = pictures.voice()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path.startswith(_PEOPLE):
            answer = _svg(pictures.portrait(path))
        elif path.startswith(_THINGS) and path.endswith(".mp4"):
            answer = Response(voice, media_type="audio/wav", headers=_KEPT)
        elif path.startswith(_THINGS):
            answer = _svg(pictures.sticker() if path.endswith(".png") else pictures.goods(path))
        else:
            await graph(scope, receive, send)
            return
        await answer(scope, receive, send)

    return app


def move_media(world: World, where: str) -> None:
    """Change the address of all the world's media to `where`, which has no slash at the end."""
    for node in world.objects.values():
        node.document = {name: _moved(value, where) for name, value in node.document.items()}


def _moved(part: object, where: str) -> object:
    if isinstance(part, str):
        return part.replace(MEDIA, where) if part.startswith(MEDIA) else part
    if isinstance(part, dict):
        return {name: _moved(value, where) for name, value in part.items()}
    if isinstance(part, list):
        return [_moved(one, where) for one in part]
    return part


def _svg(text: str) -> Response:
    return Response(text, media_type="image/svg+xml", headers=_KEPT)
