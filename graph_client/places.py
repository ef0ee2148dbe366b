"""Pure: where a list of Graph continues: a cursor, or parameters from the address in `paging.next` if there is no
cursor.

Graph's cursors are passed on unchanged. `until` with `__paging_token`, which feed-like edges use, become one cursor of
the service. This cursor begins with a character that no cursor of Graph begins with. The service never follows an
address: an address holds the access token, and may lead to any host.
https://developers.facebook.com/docs/graph-api/results
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

_OURS: Final = "~"
_PARTS: Final = ("until", "__paging_token")
_LONGEST: Final = 1_000
"""The maximum number of characters of a part. Facebook's paging tokens have about a hundred."""


def next_place(paging: Any) -> str | None:
    """Returns the cursor of the next list page, or None at the end. A list ends only if `paging.next` is missing."""
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if isinstance(after, str) and after:
        return after
    return _in_address(paging["next"])


def place_params(place: str) -> dict[str, str]:
    """Returns the parameters that ask for the list page at a place. A cursor that the service did not make is passed to
    Graph as Graph's own.
    """
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
