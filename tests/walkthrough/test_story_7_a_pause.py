"""Story 7: the owner pauses the shop, and goes on later."""

from tests.walkthrough.conftest import Inbox, says


def test_a_paused_shop_stores_nothing_new_and_keeps_what_it_has(inbox: Inbox) -> None:
    """Facebook is answered 200 all the same, or it would deliver again and at last give the Page up."""
    shop = inbox.shop("sokha")
    inbox.facebook.delivers(says("m_1", "before"))

    shop.pauses(True)
    assert shop.get("")["paused"] is True
    assert inbox.facebook.delivers(says("m_2", "during")) == 200
    assert shop.reads() == ["before"]

    shop.pauses(False)
    inbox.facebook.delivers(says("m_3", "after"))
    assert shop.reads() == ["after", "before"]
