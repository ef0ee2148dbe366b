"""Pure: compares the answer of `GET /debug_token` about a token with the needs of a Page.

developers.facebook.com/docs/graph-api/reference/debug_token: it answers 200 with `is_valid` false for dead tokens.
`profile_id` is the Page of a Page token. `granular_scopes` limits a permission to some Pages.
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
    """A token that is alive, but is not for this Page and this app."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(
        self, reason: Literal["token_of_another_app", "token_of_another_page", "token_not_of_a_page"], sentence: str
    ) -> None:
        super().__init__(reason, sentence)


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """Facebook's facts about a live token.

    `missing_permissions` are permissions that some feature needs. `granted_by` is the app-scoped id of the person who
    granted the token, or None if Facebook does not say. `expires_at` is when the token ends, in milliseconds, or None
    if it has no end.
    """

    missing_permissions: tuple[str, ...]
    granted_by: str | None
    expires_at: int | None = None


def read_facts(data: Mapping[str, Any], page: PageId, app_id: str) -> TokenFacts:
    """Returns the facts about a live token of this Page. An answer without `profile_id` does not say to which Page the
    token belongs.

    Raises:
        TokenDead: the token is not valid any more.
        TokenRefused: the token belongs to another app, to another Page, or to a person.
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
    lacking = missing(NEEDED_PERMISSIONS + WANTED_PERMISSIONS, _granted(data, page))
    return TokenFacts(lacking, _person(data), _end(data))


def require_needed(lacking: Iterable[str]) -> None:
    """Raises PermissionMissing with the missing permissions, if a permission is missing that every Page needs."""
    needed = tuple(permission for permission in lacking if permission in NEEDED_PERMISSIONS)
    if needed:
        raise PermissionMissing(needed)


def _person(data: Mapping[str, Any]) -> str | None:
    """Returns the app-scoped id of the person who granted the token, or None if Facebook does not say."""
    person = data.get("user_id")
    if isinstance(person, bool) or not isinstance(person, int | str):
        return None
    return str(person) if str(person) not in {"", "0"} else None


def _end(data: Mapping[str, Any]) -> int | None:
    """Returns when the token ends, in milliseconds. Facebook sends Unix seconds, and 0 for a token without an end."""
    seconds = data.get("expires_at")
    return seconds * 1000 if type(seconds) is int and 0 < seconds <= LAST_MOMENT // 1000 else None


def _granted(data: Mapping[str, Any], page: PageId) -> set[str]:
    """Returns the permissions that hold for this Page, without those that were granted only for other Pages."""
    scopes = data.get("scopes")
    granted = {scope for scope in scopes if isinstance(scope, str)} if isinstance(scopes, list) else set()
    narrowed = data.get("granular_scopes")
    for one in narrowed if isinstance(narrowed, list) else ():
        targets = one.get("target_ids") if isinstance(one, dict) else None
        # No target ids: the permission holds for everything.
        if isinstance(targets, list) and page not in map(str, targets):
            granted.discard(one.get("scope"))
    return granted
