"""Pure: where a list of Graph goes on: a cursor, or what stands in the address of `paging.next` where there is none.

Graph's cursors are handed on as they are. `until` with `__paging_token`, which feed-like edges use, become one cursor
of our own, which begins with a sign that no cursor of Graph's begins with. An address is never followed: it holds the
access token, and may lead anywhere. https://developers.facebook.com/docs/graph-api/results
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

_OURS: Final = "~"
_PARTS: Final = ("until", "__paging_token")
_LONGEST: Final = 1_000
"""Characters of a part. Facebook's paging tokens have about a hundred."""


def next_place(paging: Any) -> str | None:
    """The cursor to go on from; None at the end, which is where `paging.next` is missing and nowhere else."""
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if isinstance(after, str) and after:
        return after
    return _in_address(paging["next"])


def place_params(place: str) -> dict[str, str]:
    """The parameters that ask for the page at a place. What is no cursor of ours goes to Graph as its own."""
    if place.startswith(_OURS):
        try:
            parts = orjson.loads(base64.urlsafe_b64decode(place[1:] + "=" * (-len(place[1:]) % 4)))
            if list(parts) == list(_PARTS) and all(_is_part(value) for value in parts.values()):
                return dict(parts)
        except (binascii.Error, ValueError, TypeError):
            pass
    return {"after": place}


def _in_address(address: Any) -> str | None:
    if not isinstance(address, str):
        return None
    try:
        query = parse_qs(urlsplit(address).query)
    except ValueError:
        return None
    if _is_part(after := query.get("after", [""])[0]):
        return after
    parts = {name: query.get(name, [""])[0] for name in _PARTS}
    if not all(map(_is_part, parts.values())):
        return None
    return _OURS + base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def _is_part(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()
