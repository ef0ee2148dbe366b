"""Story 9: staff share a mark on a conversation."""

from tests.walkthrough.conftest import CUSTOMER, PAGE, Inbox, says

CONVERSATION = f"{PAGE}_{CUSTOMER}"


def test_the_mark_of_a_conversation_stays_until_the_conversation_is_deleted(inbox: Inbox) -> None:
    """The owner makes the list of labels. Staff with a scope to read use it."""
    owner, staff = inbox.shop("sokha"), inbox.shop("sokha", "messages:read")
    inbox.facebook.delivers(says("m_1", "I have paid"))
    owner.puts("labels", {"labels": ["paid"]})
    staff.puts("labels", {"labels": []}, 403)
    staff.puts(f"conversations/{CONVERSATION}/mark", {"done": True, "labels": ["sent"]}, 400)

    marked = staff.puts(f"conversations/{CONVERSATION}/mark", {"done": True, "labels": ["paid"]})
    (row,) = owner.get("conversations")["conversations"]
    assert row["mark"] == marked["mark"]
    assert (row["mark"]["done"], row["mark"]["labels"]) == (True, ["paid"])

    owner.delete(f"conversations/{CONVERSATION}")
    staff.puts(f"conversations/{CONVERSATION}/mark", {"done": True}, 404)
    inbox.facebook.delivers(says("m_2", "Hello again"))
    (row,) = owner.get("conversations")["conversations"]
    assert "mark" not in row
