"""Counts, percentiles and the table for people."""

import pytest

from domain.ids import MessageId, PageId, Psid
from simulator.happening import Kept
from simulator.ledger import Ledger
from simulator.plan import Post
from simulator.summary import Summary, percentile

KEPT = Kept(PageId("1"), MessageId("m_secret_id"), Psid("7"), "in", "message", 1, "a private text")
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


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1.0), (0.5, 51.0), (0.99, 100.0), (1.0, 100.0)],
    ids=["least", "median", "p99", "most"],
)
def test_percentiles_are_among_the_values(share: float, expected: float) -> None:
    """Nearest rank of 1 to 100, in any order."""
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_nothing_has_no_percentile() -> None:
    """None, not zero."""
    assert percentile([], 0.5) is None


def test_forged_events_are_counted_but_not_by_kind_and_never_expected() -> None:
    """Even when the other side was fooled."""
    counted = summary((FORGED, "200"), (FORGED, "401"), (FORGED, "503"))
    assert (counted.forged, counted.refused, counted.accepted, counted.events) == (3, 1, 1, 3)
    assert not counted.kinds
    assert counted.readable == []


def test_only_acknowledged_messages_are_expected() -> None:
    """A 503 promises nothing, a duplicate's 200 does."""
    assert summary((NEW, "503")).readable == []
    assert summary((NEW, "503"), (DUPLICATE, "200")).readable == [KEPT]


@pytest.mark.parametrize(("answer", "done"), [("200", True), ("204", False), ("302", False), ("timeout", False)])
def test_a_genuine_delivery_is_done_with_nothing_but_200(answer: str, done: bool) -> None:
    """As for Facebook."""
    assert Summary(Ledger()).answered(NEW, answer, 0.1) is done


def test_the_table_tells_counts_only() -> None:
    """No text, id or number of a person."""
    table = summary((NEW, "200"), (DUPLICATE, "200"), (FORGED, "401")).render()
    assert table.splitlines() == [
        "deliveries  3 of 3 in 2.0 s (2/s), 1 duplicates and 1 forged (1 refused) among them",
        "answers     200: 2, 401: 1",
        "latency     p50 2.0 ms, p99 2.0 ms",
        "retries     0, given up 0",
        "events      5 (text 2, read 2)",
        "readable    1 messages should be readable now",
    ]


def test_the_table_warns_of_accepted_forgeries() -> None:
    """Nobody should have to read the counts for that."""
    assert summary((FORGED, "200")).render().splitlines()[-1].startswith("WARNING     1 forged")


def test_the_table_of_a_run_that_sent_nothing_is_a_table_all_the_same() -> None:
    """Dashes and zeros; a run without an end names no readable messages."""
    assert Summary(None).render().splitlines() == [
        "deliveries  0 of 0 in 0.0 s, 0 duplicates and 0 forged (0 refused) among them",
        "answers     none",
        "latency     p50 -, p99 -",
        "retries     0, given up 0",
        "events      0 (none)",
    ]


def test_rare_kinds_are_summed_up() -> None:
    """Eight kinds are told by name."""
    counted = Summary(None)
    counted.sending(Post("new", b"", tuple("aabcdefghij"), ()))
    assert counted.render().splitlines()[-1].endswith("a 2, b 1, c 1, d 1, e 1, f 1, g 1, h 1, other 2)")
