"""Pure: what `GET /debug_token` tells of a token, held against what a Page needs.

developers.facebook.com/docs/graph-api/reference/debug_token: answers 200 with `is_valid` false for dead tokens;
`profile_id` is the Page of a Page token; `granular_scopes` narrows a permission to some Pages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from domain.errors import Kind, PageInboxError
from domain.ids import PageId
from domain.moment import LAST_MOMENT
from graph_client.errors import PermissionMissing, TokenDead, token_reason
from graph_client.fields import NEEDED_PERMISSIONS, WANTED_PERMISSIONS, missing


class TokenRefused(PageInboxError):
    """A token that lives, and is not one for this Page and this app."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(
        self, reason: Literal["token_of_another_app", "token_of_another_page", "token_not_of_a_page"], sentence: str
    ) -> None:
        super().__init__(reason, sentence)


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What Facebook says of a token that lives.

    `missing_permissions` are those that some feature needs. `granted_by` is the app-scoped id of the person who granted
    the token, None where Facebook does not say. `expires_at` is when the token ends, in milliseconds; None for never.
    """

    missing_permissions: tuple[str, ...]
    granted_by: str | None
    expires_at: int | None = None


def granted_by(data: Mapping[str, Any]) -> str | None:
    """The app-scoped id of the person through whom the token came; None where Facebook tells none."""
    person = data.get("user_id")
    if isinstance(person, bool) or not isinstance(person, int | str):
        return None
    return str(person) if str(person) not in {"", "0"} else None


def expires_at(data: Mapping[str, Any]) -> int | None:
    """When the token ends, in milliseconds. Facebook says it in Unix seconds, and 0 for a token without an end."""
    seconds = data.get("expires_at")
    return seconds * 1000 if type(seconds) is int and 0 < seconds <= LAST_MOMENT // 1000 else None


def missing_permissions(data: Mapping[str, Any], page: PageId, app_id: str) -> tuple[str, ...]:
    """What the token may not do and some feature needs; () for a token that may do everything.

    Raises:
        TokenDead: it is not valid any more.
        TokenRefused: it is another app's, another Page's or a person's.
    """
    if data.get("is_valid") is not True:
        error = data.get("error")
        raise TokenDead(token_reason(error.get("subcode") if isinstance(error, dict) else None))
    if str(data.get("app_id")) != app_id:
        raise TokenRefused("token_of_another_app", "This token was made for another app than FACEBOOK_APP_ID.")
    if data.get("type") not in {None, "PAGE"}:
        raise TokenRefused(
            "token_not_of_a_page", "This is no Page token. Take the Page's own `access_token` from /me/accounts."
        )
    profile = data.get("profile_id")
    if profile is not None and str(profile) != page:
        raise TokenRefused("token_of_another_page", "This token belongs to another Page.")
    return missing(NEEDED_PERMISSIONS + WANTED_PERMISSIONS, _granted(data, page))


def require_needed(lacking: Iterable[str]) -> None:
    """Raises PermissionMissing, naming them, when one lacks without which a Page cannot be served."""
    needed = tuple(permission for permission in lacking if permission in NEEDED_PERMISSIONS)
    if needed:
        raise PermissionMissing(needed)


def names_its_page(data: Mapping[str, Any]) -> bool:
    """Whether the answer tells which Page the token is for."""
    return data.get("profile_id") is not None


def _granted(data: Mapping[str, Any], page: PageId) -> set[str]:
    """The permissions that hold for this Page: one that was granted for other Pages only does not."""
    scopes = data.get("scopes")
    granted = {scope for scope in scopes if isinstance(scope, str)} if isinstance(scopes, list) else set()
    narrowed = data.get("granular_scopes")
    for one in narrowed if isinstance(narrowed, list) else ():
        targets = one.get("target_ids") if isinstance(one, dict) else None
        # Absent target ids: the permission holds for everything.
        if isinstance(targets, list) and page not in map(str, targets):
            granted.discard(one.get("scope"))
    return granted
