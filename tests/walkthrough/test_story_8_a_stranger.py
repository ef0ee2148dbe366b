"""Story 8: a stranger tries to read messages of a shop."""

from tests.walkthrough.conftest import PAGE, Inbox, says


def test_a_token_gives_access_only_to_its_own_shop(inbox: Inbox) -> None:
    """Another shop's token is valid, but not for this shop."""
    inbox.facebook.delivers(says("m_1", "for Sokha"))
    stranger = inbox.shop("sokha", token_for="dara")
    assert stranger.get("messages", status=403)["reason"] == "wrong_shop"
    assert stranger.get("messages/m_1", status=403)["reason"] == "wrong_shop"
    assert inbox.shop("dara").reads() == []


def test_a_token_allows_only_the_calls_of_its_scopes(inbox: Inbox) -> None:
    """A token to read cannot delete, and a token to delete cannot read."""
    inbox.facebook.delivers(says("m_1", "for Sokha"))
    assert inbox.shop("sokha", "messages:purge").get("messages", status=403)["reason"] == "scope_missing"
    assert inbox.shop("sokha", "messages:read").get("pages", status=403)["reason"] == "scope_missing"


def test_a_shop_cannot_connect_the_page_of_another_shop(inbox: Inbox) -> None:
    """Otherwise the customers' messages would be delivered to another shop."""
    other = inbox.shop("dara")
    assert other.connects(PAGE, status=409)["reason"] == "page_of_another_shop"
    inbox.facebook.delivers(says("m_1", "for Sokha"))
    assert inbox.shop("sokha").reads() == ["for Sokha"]
    assert other.reads() == []


def test_a_token_for_every_shop_can_read_each_named_shop(inbox: Inbox) -> None:
    """Its `shop` claim is `*`. Each call still names a shop."""
    inbox.facebook.delivers(says("m_1", "for Sokha"))
    assert inbox.shop("sokha", token_for="*").reads() == ["for Sokha"]
    assert inbox.shop("*", token_for="*").get("messages", status=400)["reason"] == "invalid_parameter"
