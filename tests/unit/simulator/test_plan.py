"""Shares, order and limits of the planned deliveries."""

import json
import random
from collections import Counter

import pytest

from domain.ids import PageId
from simulator.happening import ExpectedMessage
from simulator.plan import Plan, PlanRefused, Post, posts
from simulator.signing import FORGERIES
from simulator.traffic import Habits

PAGES = (PageId("104200000000001"),)
NOW = 1_770_000_000_000


def drawn(plan: Plan, seed: int = 3) -> list[Post]:
    ticks = iter(range(NOW, NOW + 10**9, 1000))
    return list(posts(plan, random.Random(seed), lambda: next(ticks)))


def test_the_plan_has_exactly_the_requested_number_of_posts() -> None:
    """The number includes duplicates and forgeries. Disorder loses no post."""
    plan = Plan(PAGES, count=500, duplicates=0.2, disorder=0.5, forged=0.1)
    assert len(drawn(plan)) == 500
    assert drawn(Plan(PAGES, count=0)) == []


def test_the_shares_of_duplicates_and_forgeries_match_the_plan() -> None:
    """The shares are about a tenth and a twentieth of two thousand."""
    natures = Counter(post.nature for post in drawn(Plan(PAGES, count=2_000, duplicates=0.1, forged=0.05)))
    assert 160 < natures["duplicate"] < 240
    assert 70 < natures["forged"] < 130
    assert natures.total() == 2_000


def test_a_duplicate_repeats_the_events_of_an_earlier_delivery() -> None:
    """A duplicate is the same bytes or has another time, and both cases occur. Its events are the same."""
    seen: dict[bytes, bytes] = {}
    told: Counter[str] = Counter()

    def without_times(body: bytes) -> bytes:
        document = json.loads(body)
        for entry in document["entry"]:
            del entry["time"]
        return json.dumps(document).encode()

    for post in drawn(Plan(PAGES, count=800, duplicates=0.3)):
        events = without_times(post.body)
        if post.nature == "duplicate":
            told["same" if seen[events] == post.body else "other time"] += 1
        else:
            seen[events] = post.body
    assert min(told["same"], told["other time"]) > 50


def test_every_forgery_occurs_and_shares_no_message_with_a_genuine_delivery() -> None:
    """Otherwise a test could not see whether a forged delivery was stored."""
    sent = drawn(Plan(PAGES, count=1_000, forged=0.2, duplicates=0.2))
    assert {post.forgery for post in sent if post.nature == "forged"} == set(FORGERIES)

    def mids(*natures: str) -> set[str]:
        return {
            e.mid for post in sent if post.nature in natures for e in post.effects if isinstance(e, ExpectedMessage)
        }

    assert not mids("forged") & mids("new", "duplicate")


def test_disorder_moves_posts_by_no_more_than_its_window() -> None:
    """The times of the events show the order in which they were drawn, so the test sees how far a post has moved."""
    plan = Plan(PAGES, count=500, disorder=0.3, habits=Habits(largest_batch=1, odd=0))
    times = [json.loads(post.body)["entry"][0] for post in drawn(plan)]
    turns = [(entry["time"] * (1 if entry["time"] > 10**11 else 1000) - NOW) // 1000 for entry in times]
    shifts = [turn - position for position, turn in enumerate(turns)]
    assert sorted(turns) == list(range(500))
    assert sum(shift != 0 for shift in shifts) > 100
    assert max(abs(shift) for shift in shifts) <= 10


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"pages": ()}, "no_pages"),
        ({"rate": -1}, "rate_negative"),
        ({"count": -1}, "count_negative"),
        ({"duplicates": 1.1}, "share_out_of_range"),
        ({"disorder": -0.1}, "share_out_of_range"),
        ({"duplicates": 0.6, "forged": 0.6}, "share_out_of_range"),
        ({"forged": float("nan")}, "share_out_of_range"),
        ({"habits": Habits(broken=2)}, "share_out_of_range"),
    ],
)
def test_an_invalid_plan_is_refused_with_its_reason(wrong: dict[str, object], reason: str) -> None:
    """The refusal comes before anything is sent."""
    with pytest.raises(PlanRefused) as refused:
        Plan(**({"pages": PAGES} | wrong))  # type: ignore[arg-type]
    assert refused.value.reason == reason
