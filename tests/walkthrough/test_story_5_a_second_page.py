"""Story 5: a shop connects a second Page."""

from tests.walkthrough.conftest import PAGE, Inbox, says

SECOND_PAGE = "104200000000002"


def test_messages_of_a_page_are_stored_from_the_moment_it_is_connected(inbox: Inbox) -> None:
    """Before that, messages are counted and not stored, because no shop has asked for them. A read may name one
    Page."""
    shop = inbox.shop("sokha")
    assert inbox.facebook.delivers(says("m_1", "Too early", page=SECOND_PAGE), page=SECOND_PAGE) == 200
    shop.connects(SECOND_PAGE)
    inbox.facebook.delivers(says("m_2", "For the second", page=SECOND_PAGE), page=SECOND_PAGE)
    inbox.facebook.delivers(says("m_3", "For the first"))

    assert shop.reads() == ["For the first", "For the second"]
    assert shop.reads(f"messages?page={SECOND_PAGE}") == ["For the second"]
    assert [page["page_id"] for page in shop.get("pages")["pages"]] == [PAGE, SECOND_PAGE]


def test_messages_of_a_disconnected_page_are_deleted(inbox: Inbox) -> None:
    """The messages of the other Page stay. Later messages of the disconnected Page are not stored."""
    shop = inbox.shop("sokha")
    shop.connects(SECOND_PAGE)
    inbox.facebook.delivers(says("m_1", "For the second", page=SECOND_PAGE), page=SECOND_PAGE)
    inbox.facebook.delivers(says("m_2", "For the first"))

    receipt = shop.delete(f"pages/{SECOND_PAGE}")

    assert receipt["what"] == "page"
    inbox.facebook.delivers(says("m_3", "Late", page=SECOND_PAGE), page=SECOND_PAGE)
    assert shop.reads() == ["For the first"]
