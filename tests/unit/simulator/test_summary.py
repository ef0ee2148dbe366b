"""Counts, percentiles, and the table that people read."""

import pytest

from domain.ids import MessageId, PageId, Psid
from simulator.happening import ExpectedMessage
from simulator.ledger import Ledger
from simulator.plan import Post
from simulator.summary import Summary

KEPT = ExpectedMessage(PageId("1"), MessageId("m_secret_id"), Psid("7"), "in", "message", 1, "a private text")
NEW = Post("new", b"{}", ("text", "read"), (KEPT,))
DUPLICATE = Post("duplicate", b"{}", ("text", "read"), (KEPT,))
FORGED = Post("forged", b"{}", ("text",), (KEPT,), "unsigned")


def summary(*sent: tuple[Post, str]) -> Summary:
    counted = Summary(Ledger())
    for post, answer in sent:
        counted.sending(post)
        counted.answered(post, answer, 0.002)
        counted.concluded += 1
    counted.seconds = 2.0
    return counted


def test_forged_events_are_counted_without_kind_and_not_expected() -> None:
    """The summary does not expect a forged event, even if the service accepted it."""
    counted = summary((FORGED, "200"), (FORGED, "401"), (FORGED, "503"))
    assert (counted.forged, counted.refused, counted.accepted, counted.events) == (3, 1, 1, 3)
    assert not counted.kinds
    assert counted.readable == []


def test_only_acknowledged_messages_are_expected() -> None:
    """After a 503 the message need not be stored. After a 200 for its duplicate it must be stored."""
    assert summary((NEW, "503")).readable == []
    assert summary((NEW, "503"), (DUPLICATE, "200")).readable == [KEPT]


@pytest.mark.parametrize(("answer", "done"), [("200", True), ("204", False), ("302", False), ("timeout", False)])
def test_a_genuine_delivery_is_done_only_after_a_200(answer: str, done: bool) -> None:
    """Facebook does the same."""
    assert Summary(Ledger()).answered(NEW, answer, 0.1) is done


def test_the_table_warns_of_accepted_forgeries() -> None:
    """A reader therefore need not compare the counts."""
    assert summary((FORGED, "200")).render().splitlines()[-1].startswith("WARNING     1 forged")
