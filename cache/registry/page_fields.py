"""The fields of one Page in the record of a shop. Pure.

    p:<page>   when it was connected, in milliseconds; while this field exists, the Page is the shop's
    t:<page>   its token, sealed for this shop and Page (cache/sealing.py)
    s:<page>   what the last check at Graph found about the token, as JSON with short keys
    l:<page>   when its last event came, in milliseconds, exact to a second
    n:<page>   its pause, as `pause_field` writes it

All of them are deleted in the step in which the Page is disconnected (`hide.lua`). A Page without `t:` is connected for
webhooks only.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from cache.errors import Corrupt
from cache.sealing import Sealer
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState

CONNECTED: Final = b"p:"
TOKEN: Final = b"t:"
STATE: Final = b"s:"
LAST_EVENT: Final = b"l:"
PAUSED: Final = b"n:"

PURPOSE: Final = "page-token"
"""The purpose for which a Page's token is sealed."""


class Names(NamedTuple):
    """The fields of a Page, in the order in which `page_of` takes their values."""

    connected: bytes
    token: bytes
    state: bytes
    last_event: bytes
    paused: bytes


def names(page: PageId) -> Names:
    """Returns the names of a Page's fields."""
    id_ = page.encode()
    return Names(CONNECTED + id_, TOKEN + id_, STATE + id_, LAST_EVENT + id_, PAUSED + id_)


def page_ids(fields: Mapping[bytes, bytes] | list[bytes]) -> list[PageId]:
    """Returns the Pages in a record, or in the list of its fields' names."""
    return [PageId(name.removeprefix(CONNECTED).decode()) for name in fields if name.startswith(CONNECTED)]


def pause_field(paused: bool, until: int | None) -> int:
    """Returns a pause as a field of the record: 0 = no pause, 1 = until the shop resumes, else the pause's end in
    ms."""
    return int(paused) if until is None else until


def read_pause(field: bytes | None, now: int) -> tuple[bool, int | None]:
    """Returns whether a pause holds, and its end if it has an end. After its end a pause does not hold."""
    value = int(field or 0)
    if value <= 1:
        return bool(value), None
    return (True, value) if value > now else (False, None)


def page_of(
    page: PageId,
    at: bytes,
    token: bytes | None,
    state: bytes | None,
    last: bytes | None,
    paused: bytes | None,
    *,
    now: int,
) -> Page:
    """Returns a Page from its fields.

    Raises:
        Corrupt: the service did not write this state.
    """
    known = None if token is None else read_state(state)
    return Page(page, int(at), None if last is None else int(last), known, *read_pause(paused, now))


def credentials_of(
    sealer: Sealer, shop: ShopId, page: PageId, token: bytes | None, state: bytes | None
) -> Credentials | None:
    """Returns the token, decrypted; None if there is no token.

    Raises:
        SealBroken: the token cannot be decrypted any more.
        Corrupt: the service did not write this state.
    """
    if token is None:
        return None
    opened = Secret(sealer.open(token, shop=shop, purpose=PURPOSE, place=page).decode())
    return Credentials(opened, token, read_state(state))


def write_state(state: PageState) -> bytes:
    """Returns a state as JSON. Usual values are left out. `a` is 0 for an invalid token, and absent for a valid
    token."""
    body: dict[str, Any] = {"c": state.checked_at}
    if not state.token_alive:
        body["a"] = 0
    if state.reason is not None:
        body["r"] = state.reason
    if state.subscribed_fields:
        body["f"] = state.subscribed_fields
    if state.missing_permissions:
        body["m"] = state.missing_permissions
    if state.heal_since is not None:
        body["h"] = state.heal_since
    if state.expires_at is not None:
        body["e"] = state.expires_at
    if state.missing_fields:
        body["x"] = dict(state.missing_fields)
    return orjson.dumps(body)


def read_state(text: bytes | None) -> PageState:
    """Returns the state that `write_state` wrote.

    Raises:
        Corrupt: the text is missing or has another form. A token always has a state.
    """
    try:
        body = orjson.loads(text or b"")
        return PageState(
            int(body["c"]),
            token_alive=bool(body.get("a", 1)),
            reason=body.get("r"),
            subscribed_fields=tuple(body.get("f", ())),
            missing_permissions=tuple(body.get("m", ())),
            heal_since=body.get("h"),
            expires_at=body.get("e"),
            missing_fields=dict(body.get("x", {})),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise Corrupt from None
