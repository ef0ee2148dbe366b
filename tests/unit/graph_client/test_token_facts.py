"""What Facebook says about a token, compared with what a Page needs."""

from typing import Any

import pytest

from domain.ids import PageId
from graph_client.errors import PermissionMissing, TokenDead
from graph_client.fields import NEEDED_PERMISSIONS, WANTED_PERMISSIONS
from graph_client.token_facts import TokenRefused, read_facts, require_needed

APP, PAGE = "200000000000001", PageId("104200000000001")
ALL = [*NEEDED_PERMISSIONS, *WANTED_PERMISSIONS]
GOOD: dict[str, Any] = {"app_id": APP, "type": "PAGE", "profile_id": PAGE, "is_valid": True, "scopes": ALL}


def lacking(**other: Any) -> tuple[str, ...]:
    """Returns what a good token with this change lacks."""
    return read_facts({**GOOD, **other}, PAGE, APP).missing_permissions


def without(name: str) -> dict[str, Any]:
    """Returns a good token without this fact."""
    return {key: value for key, value in GOOD.items() if key != name}


def test_a_good_token_lacks_nothing() -> None:
    """The ids may be texts or numbers."""
    assert lacking() == ()
    assert lacking(app_id=int(APP), profile_id=int(PAGE)) == ()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 190, "subcode": 460, "message": "The password of Sokha"}, "password_changed"),
        ({"code": 190, "subcode": 463}, "expired"),
        ({"code": 190}, "token_invalid"),
        ("an error", "token_invalid"),
        (None, "token_invalid"),
    ],
)
def test_an_invalid_token_is_dead_even_if_it_belongs_to_another_app(error: object, reason: str) -> None:
    """Facebook answers 200 for such a token. An invalid token of another app is dead too."""
    with pytest.raises(TokenDead) as dead:
        lacking(is_valid=False, error=error, app_id="1")
    assert dead.value.token_reason == reason
    assert "Sokha" not in str(dead.value)


@pytest.mark.parametrize("told", [None, "true", 1, 0, {}])
def test_a_token_is_valid_only_if_facebook_answers_true(told: object) -> None:
    """The service assumes nothing that Facebook does not say."""
    with pytest.raises(TokenDead):
        lacking(is_valid=told)
    with pytest.raises(TokenDead):
        read_facts(without("is_valid"), PAGE, APP)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"app_id": "1"}, "token_of_another_app"),
        ({"app_id": None}, "token_of_another_app"),
        ({"type": "USER"}, "token_not_of_a_page"),
        ({"type": "SYSTEM_USER", "profile_id": None}, "token_not_of_a_page"),
        ({"profile_id": "104200000000002"}, "token_of_another_page"),
    ],
)
def test_a_valid_token_of_another_app_person_or_page_is_refused(other: dict[str, Any], reason: str) -> None:
    """The answer is 400, because the shop has sent the wrong token."""
    with pytest.raises(TokenRefused) as refusal:
        lacking(**other)
    assert (refusal.value.reason, refusal.value.kind) == (reason, "invalid")
    assert "104200000000002" not in str(refusal.value)


def test_a_missing_type_or_page_does_not_make_a_token_wrong() -> None:
    """If Facebook does not name the type or the Page, the service finds the token's Page in another way."""
    assert read_facts(without("type"), PAGE, APP).missing_permissions == ()
    assert read_facts(without("profile_id"), PAGE, APP).missing_permissions == ()


@pytest.mark.parametrize("permission", ALL)
def test_a_permission_that_was_not_granted_is_missing(permission: str) -> None:
    """The test covers each permission."""
    assert lacking(scopes=[one for one in ALL if one != permission]) == (permission,)


@pytest.mark.parametrize("scopes", [None, [], "pages_messaging", [None, 1, {}]])
def test_without_scopes_everything_is_missing(scopes: object) -> None:
    """The missing permissions are in the order in which they are needed."""
    assert lacking(scopes=scopes) == tuple(ALL)


@pytest.mark.parametrize(
    ("target_ids", "told"),
    [
        (None, ()),
        ([PAGE], ()),
        ([1, int(PAGE)], ()),
        (["104200000000002"], ("pages_messaging",)),
        ([], ("pages_messaging",)),
    ],
    ids=["for all", "for this", "for this as a number", "for another", "for none"],
)
def test_a_permission_for_other_pages_is_missing_for_this_page(target_ids: object, told: tuple[str, ...]) -> None:
    """A person chooses Pages in Facebook's dialogue."""
    scope = {"scope": "pages_messaging"}
    assert lacking(granular_scopes=[scope if target_ids is None else {**scope, "target_ids": target_ids}]) == told


@pytest.mark.parametrize(
    "narrowed", ["pages_messaging", [None, "x"], [{"target_ids": "x", "scope": "pages_messaging"}]]
)
def test_a_malformed_list_of_granular_scopes_is_ignored(narrowed: object) -> None:
    """The permission itself was granted."""
    assert lacking(granular_scopes=narrowed) == ()


def test_a_page_without_a_required_permission_is_refused() -> None:
    """The error names the permissions to grant, and leaves out the optional ones."""
    with pytest.raises(PermissionMissing, match="pages_messaging, pages_show_list") as refusal:
        require_needed(("pages_messaging", "pages_show_list", "pages_read_user_content"))
    assert refusal.value.permissions == ("pages_messaging", "pages_show_list")
    require_needed(WANTED_PERMISSIONS)


@pytest.mark.parametrize("told", ["10000000000000042", 10000000000000042])
def test_the_facts_name_the_person_who_granted_the_token(told: Any) -> None:
    """The id may be a text or a number."""
    assert read_facts({**GOOD, "user_id": told}, PAGE, APP).granted_by == "10000000000000042"


@pytest.mark.parametrize("told", [None, "", 0, "0", True, 1.5, ["1"], {}])
def test_an_invalid_user_id_means_no_person(told: Any) -> None:
    """A system user's token may name no person."""
    assert read_facts({**GOOD, "user_id": told}, PAGE, APP).granted_by is None
    assert read_facts(GOOD, PAGE, APP).granted_by is None
