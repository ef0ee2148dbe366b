"""The usage headers of Graph, and what follows from them."""

import json

import pytest

from domain.graph import Limit
from domain.ids import PageId
from graph_client.errors import ErrorDetails, Throttled
from graph_client.usage import DAY_SECONDS, HEADER_CHARACTERS, NO_USAGE, Advice, Usage, advice, read_usage, wait_after

PAGE = PageId("104200000000001")
BUSINESS = "x-business-use-case-usage"


def business(rows: object, key: str = PAGE) -> dict[str, str]:
    """Returns the header of business use cases."""
    return {BUSINESS: json.dumps({key: rows})}


def test_the_highest_counter_counts() -> None:
    """The limit is reached if one of the three counters is at a hundred."""
    usage = read_usage({"x-app-usage": '{"call_count":28,"total_time":35,"total_cputime":25}'}, PAGE)
    assert usage == Usage({"app": 0.35}, {}, None)


def test_each_business_use_case_is_charged_to_its_own_budget() -> None:
    """Minutes become seconds. Types of calls that the service does not make are left out."""
    rows = [
        {
            "type": "pages",
            "call_count": 97,
            "total_cputime": 23,
            "total_time": 23,
            "estimated_time_to_regain_access": 0,
        },
        {"type": "messenger", "call_count": 100, "estimated_time_to_regain_access": 7, "ads_api_access_tier": "x"},
        {"type": "instagram", "call_count": 100, "estimated_time_to_regain_access": 60},
    ]
    assert read_usage(business(rows), PAGE) == Usage({"pages": 0.97, "messenger": 1.0}, {"messenger": 420}, None)


def test_the_usage_of_another_object_does_not_count_for_the_page() -> None:
    """If the header has no entry for the Page's id, its other entries are used, because their ids may be other ids
    of the Page.
    """
    both = {PAGE: [{"type": "pages", "call_count": 10}], "77": [{"type": "pages", "call_count": 99}]}
    assert read_usage({BUSINESS: json.dumps(both)}, PAGE).share == {"pages": 0.1}
    assert read_usage({BUSINESS: json.dumps({"77": both["77"]})}, PAGE).share == {"pages": 0.99}
    assert read_usage({BUSINESS: json.dumps(both)}, None).share == {"pages": 0.99}


def test_the_old_header_of_a_page_is_read_too() -> None:
    """Facebook no longer documents it. If it is absent, nothing changes."""
    assert read_usage({"x-page-usage": '{"call_count":"80"}'}, PAGE).share == {"pages": 0.8}


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("999999", DAY_SECONDS), ("0", 0)])
def test_retry_after_is_read_in_seconds(text: str, seconds: int) -> None:
    """Facebook documents no such header. If it comes, it is obeyed, for at most a day."""
    assert (read_usage({"retry-after": text}, PAGE).retry_after or 0) == seconds


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"},
        {"retry-after": "-5"},
        {"retry-after": "٣"},
        {"x-app-usage": "not json"},
        {"x-app-usage": "[1]"},
        {"x-app-usage": "null"},
        {"x-app-usage": '{"call_count":"many","total_time":null,"total_cputime":-1}'},
        {"x-app-usage": '{"call_count":true}'},
        {"x-app-usage": '{"call_count":"nan"}'},
        {"x-app-usage": '{"call_count":' + " " * HEADER_CHARACTERS + "99}"},
        {"x-app-usage": "\ud83d"},
        business("pages"),
        business([1, None, "x"]),
        business([{"type": ["pages"], "call_count": 99}]),
        business([{"type": "ads_insights", "call_count": 99}]),
    ],
    ids=repr,
)
def test_a_malformed_header_is_ignored(headers: dict[str, str]) -> None:
    """A malformed header never costs an answer."""
    assert read_usage(headers, PAGE) == NO_USAGE


def test_calls_are_not_delayed_below_three_quarters_of_the_limit() -> None:
    """Most Pages never use more than that."""
    assert advice(0.0, 0, "pages") == advice(0.7499, 0, "pages") == Advice()


def test_calls_become_slower_near_the_limit() -> None:
    """The delay grows with every step towards the limit."""
    spacings = [advice(share / 1000, 0, "pages").spacing for share in range(750, 1000)]
    assert spacings == sorted(spacings)
    assert spacings[0] == pytest.approx(0.1)
    assert 4.5 < spacings[-1] < 5
    assert all(advice(share / 1000, 0, "pages").hold == 0 for share in range(1000))


@pytest.mark.parametrize("limit", ["app", "pages", "messenger"])
def test_at_the_limit_calls_stop(limit: Limit) -> None:
    """Calls stop for the time that Facebook gives, or else for our own time, but at most for a day."""
    assert advice(1.0, 0, limit).hold >= 60
    assert advice(1.2, 420, limit) == Advice(hold=420)
    assert advice(0.2, 420, limit) == Advice(hold=420)
    assert advice(1.0, 10**9, limit).hold == DAY_SECONDS


def test_a_refused_call_waits_for_the_longest_time_in_the_headers() -> None:
    """Only the time of the call's own budget is used, and not the time of another budget."""
    usage = Usage({}, {"pages": 600, "messenger": 60}, retry_after=120)
    assert wait_after(Throttled("pages"), usage) == 600
    assert wait_after(Throttled("messenger"), usage) == 120
    assert wait_after(Throttled("app"), Usage({}, {"pages": 600})) == 300
    assert wait_after(Throttled("pages"), Usage(retry_after=10**9)) == DAY_SECONDS


def test_the_limit_of_conversation_calls_has_a_short_wait() -> None:
    """The limit of conversation calls only limits bursts. The limit of posts is not known."""
    assert wait_after(Throttled("messenger", ErrorDetails(613)), NO_USAGE) == 5
    assert wait_after(Throttled("messenger", ErrorDetails(613)), Usage(retry_after=30)) == 30
    assert wait_after(Throttled("pages", ErrorDetails(613)), NO_USAGE) == 120
