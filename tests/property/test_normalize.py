"""Properties of every body, documented or not."""

import dataclasses
import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from webhook.errors import PayloadRefused
from webhook.normalize import Delivery, normalize

PAGE, CUSTOMER = "104200000000001", "7000000000000001"
KEYS = [
    *("sender", "recipient", "timestamp", "message", "mid", "text", "attachments", "type", "payload", "url", "title"),
    *("sticker_id", "id", "product", "elements", "quick_reply", "reply_to", "referral", "is_echo", "is_deleted"),
    *("is_unsupported", "postback", "message_edit", "num_edit", "reaction", "read", "field", "value", "user_ref"),
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=2**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates too
    | st.sampled_from([PAGE, CUSTOMER, "0", "page", "true", "m_1", "1770000000123", 1770000000123, 1e20])
)
keys = st.sampled_from(KEYS) | st.text(st.characters(exclude_categories=()), max_size=4)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
)
people = st.fixed_dictionaries({"id": st.sampled_from([PAGE, CUSTOMER, 12345678901234567890123]) | values}) | values
plausible = st.fixed_dictionaries(
    {},
    optional={
        "sender": people,
        "recipient": people,
        "timestamp": values,
        "message": st.dictionaries(keys, values, max_size=6).map(lambda message: {"mid": "m_1", **message}) | values,
        "postback": values,
        "message_edit": values,
        "read": values,
    },
)
events = plausible | values
lists = st.lists(events, max_size=3) | values
entries = (
    st.fixed_dictionaries(
        {"id": st.sampled_from([PAGE, "0", 123456789012345678901, None]) | values},
        optional={"messaging": lists, "standby": lists, "changes": lists, "calls": lists, "changed_fields": lists},
    )
    | values
)
bodies = st.fixed_dictionaries({"object": st.just("page"), "entry": st.lists(entries, max_size=3) | values}) | values


def _written(body: Any) -> bytes:
    return json.dumps(body).encode("ascii")


def _messages(prefix: str, count: int) -> list[dict[str, Any]]:
    return [
        {
            "sender": {"id": CUSTOMER},
            "recipient": {"id": PAGE},
            "timestamp": 1770000000123,
            "message": {"mid": f"{prefix}{number}", "text": "សួស្តី 🙏", "attachments": [{"type": "image"}]},
        }
        for number in range(count)
    ]


def _delivered(messaging: list[Any]) -> Delivery:
    return normalize(_written({"object": "page", "entry": [{"id": PAGE, "messaging": messaging}]}))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(bodies)
@example({"object": "page", "entry": [{"id": 1e300}]})
def test_any_json_becomes_a_delivery_that_can_be_written_as_utf8(body: Any) -> None:
    """Nothing is raised, every event is counted, and the result can be written as UTF-8."""
    delivery = normalize(_written(body))
    for event in delivery.events:
        json.dumps(dataclasses.asdict(event), ensure_ascii=False, allow_nan=False).encode()
        assert event.id
        assert event.page not in ("", "0")
    for notice in delivery.notices:
        notice.page.encode()


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_become_a_delivery_or_are_refused(body: bytes) -> None:
    """Refused bytes are refused because they are not JSON, and for no other reason."""
    with suppress(PayloadRefused):
        assert isinstance(normalize(body), Delivery)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(events, st.integers(0, 3))
def test_a_poisoned_event_does_not_change_the_results_of_other_events(poison: Any, place: int) -> None:
    """The other events are complete and in order, for any position of the poisoned event. This event yields at most
    one result."""
    neighbours = _messages("neighbour-", 3)
    delivery = _delivered([*neighbours[:place], poison, *neighbours[place:]])
    expected = _delivered(neighbours).events
    assert [event for event in delivery.events if event in expected] == expected
    assert len(delivery.events) + len(delivery.notices) + len(delivery.skipped) == 4


@settings(derandomize=True, deadline=None, max_examples=150)
@given(entries, st.integers(0, 2))
def test_a_poisoned_entry_does_not_change_the_results_of_other_entries(poison: Any, place: int) -> None:
    """The entry is for another Page, or is not an entry at all."""
    whole = [{"id": PAGE, "messaging": [message]} for message in _messages("neighbour-", 2)]
    expected = _delivered(_messages("neighbour-", 2)).events
    body = {"object": "page", "entry": [*whole[:place], poison, *whole[place:]]}
    assert [event for event in normalize(_written(body)).events if event in expected] == expected


@settings(derandomize=True, deadline=None, max_examples=150)
@given(events)
def test_each_event_has_exactly_one_result(event: Any) -> None:
    """Each event is exactly one of: kept, noticed, skipped with a reason."""
    delivery = _delivered([event])
    assert len(delivery.events) + len(delivery.notices) + len(delivery.skipped) == 1
