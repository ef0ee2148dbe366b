"""Slashes inside ids: `%2F` in a path belongs to an id and never divides the path.

Servers decode a path before routing, and then a slash inside an id looks like a dividing slash. So this module splits
the path as it was sent, and decodes each part. A slash inside a part becomes SLASH, which `id_of` turns back into a
slash. No caller can send SLASH itself: it is half a character, and decoding never returns one.
"""

from typing import Final
from urllib.parse import unquote

from starlette.types import Scope

SLASH: Final = "\udc2f"


def routed(raw_path: bytes) -> str:
    """Returns the path for routing, from the path as it was sent."""
    return "/".join(unquote(part).replace("/", SLASH) for part in raw_path.decode("latin-1").split("/"))


def id_of(part: str) -> str:
    """Returns an id from its part of the routed path."""
    return part.replace(SLASH, "/")


def keep_slashes(scope: Scope) -> None:
    """Write the path for routing into a request's scope, if an id in its path has a slash."""
    raw_path = scope.get("raw_path") or b""
    if b"%2f" in raw_path.lower():
        scope["path"] = routed(raw_path)
