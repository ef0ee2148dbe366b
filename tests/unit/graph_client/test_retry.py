"""The rules that decide whether a call is tried again."""

import pytest

from graph_client.errors import (
    GraphError,
    GraphTimeout,
    GraphUnavailable,
    GraphUnreachable,
    PermissionMissing,
    PolicyBlocked,
    ProofRefused,
    Throttled,
    TokenDead,
    TooMuchData,
)
from graph_client.retry import LEAST_SECONDS, Again, RetryPolicy, wait_before

POLICY = RetryPolicy()


@pytest.mark.parametrize("error", [GraphUnavailable(), GraphUnreachable(), GraphTimeout()])
def test_a_transient_error_is_tried_three_times(error: GraphError) -> None:
    """After the third try the call ends with an outage."""
    assert POLICY.next_step(error, 1, 25, 10, 0.0) == Again(0.2, 25)
    assert POLICY.next_step(error, 2, 25, 10, 0.0) == Again(0.4, 25)
    assert POLICY.next_step(error, 3, 25, 10, 0.0) is None


@pytest.mark.parametrize(
    "error", [TokenDead("expired"), PermissionMissing(), Throttled("pages"), PolicyBlocked(), ProofRefused()]
)
def test_a_permanent_error_is_not_retried(error: GraphError) -> None:
    """A dead token stays dead, and a call during a rate limit prolongs the limit."""
    assert POLICY.next_step(error, 1, 100, 12, 0.0) is None


def test_too_much_data_halves_the_items_down_to_one() -> None:
    """Halving works after any number of tries and needs no pause."""
    items = 100
    seen: list[int] = []
    while (again := POLICY.next_step(TooMuchData(), len(seen) + 1, items, 10, 1.0)) is not None:
        assert again.wait == 0
        items = again.items
        seen.append(items)
    assert seen == [50, 25, 12, 6, 3, 1]


@pytest.mark.parametrize("error", [GraphUnavailable(), TooMuchData()])
def test_without_time_left_nothing_is_tried(error: GraphError) -> None:
    """The deadline covers all tries and waits."""
    assert POLICY.next_step(error, 1, 2, LEAST_SECONDS - 0.01, 0.0) is None
    assert POLICY.next_step(GraphUnavailable(), 1, 2, LEAST_SECONDS + 0.3, 1.0) is None
    assert POLICY.next_step(GraphUnavailable(), 1, 2, LEAST_SECONDS + 0.3, 0.0) is not None


def test_waits_grow_and_differ() -> None:
    """Replicas that failed at the same time must not call again at the same time."""
    assert wait_before(2, 0.0) < wait_before(2, 0.5) < wait_before(2, 1.0) <= wait_before(3, 0.0) < wait_before(3, 1.0)
    assert wait_before(3, 1.0) == pytest.approx(0.8)
