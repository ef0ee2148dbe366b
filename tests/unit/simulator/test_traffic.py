"""A world of customers is similar to real traffic, and the same seed gives the same events."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from domain.ids import PageId
from domain.message import Edit, Unsend
from simulator.happening import ExpectedMessage
from simulator.poison import REASONS
from simulator.serialize import serialize
from simulator.traffic import KINDS, Habits, SimulatedDelivery, Traffic

PAGES = (PageId("104200000000001"), PageId("104200000000002"))
NOW = 1_770_000_000_000


def deliveries(seed: int = 7, habits: Habits | None = None) -> Iterator[SimulatedDelivery]:
    traffic = Traffic(PAGES, random.Random(seed), habits)
    for tick in range(10**6):
        yield traffic.delivery(NOW + 1000 * tick)


def with_events(count: int, seed: int = 7, habits: Habits | None = None) -> list[SimulatedDelivery]:
    taken: list[SimulatedDelivery] = []
    for one in deliveries(seed, habits):
        taken.append(one)
        count -= len(one.kinds)
        if count <= 0:
            break
    return taken


def parts(drawn: list[SimulatedDelivery], container: str) -> list[dict[str, Any]]:
    return [part for one in drawn for entry in one.document["entry"] for part in entry.get(container, ())]


def test_two_thousand_events_include_every_kind() -> None:
    """Rare kinds are included."""
    seen = {kind for one in with_events(2_000) for kind in one.kinds}
    assert seen == set(KINDS)


def test_every_body_is_a_delivery_for_our_pages() -> None:
    """The JSON parser of another library reads each body. The body has the object `page` and only known Pages, and
    each entry has one list.
    """
    for one in with_events(2_000):
        document = json.loads(serialize(one.document))
        assert document["object"] == "page"
        for entry in document["entry"]:
            assert str(entry["id"]) in PAGES
            assert len(entry.keys() & {"messaging", "standby", "changes", "calls"}) == 1


def test_each_reported_event_is_in_the_body() -> None:
    """When the world groups events into entries, it loses none."""
    for one in islice(deliveries(), 400):
        inside = parts([one], "messaging") + parts([one], "standby") + parts([one], "changes") + parts([one], "calls")
        assert len(inside) == len(one.kinds)


def test_message_ids_have_the_current_form_and_are_unique() -> None:
    """An id is `m_` with 86 characters of base64url."""
    mids = [effect.mid for one in with_events(2_000) for effect in one.effects if isinstance(effect, ExpectedMessage)]
    assert all(re.fullmatch(r"m_[A-Za-z0-9_-]{86}", mid) for mid in mids)
    assert len(set(mids)) == len(mids) > 1_000


def test_the_expected_messages_match_the_bodies() -> None:
    """The test reads message ids and texts back from the body."""
    for one in islice(deliveries(), 500):
        said = {
            (content["mid"], content.get("text"))
            for part in parts([one], "messaging") + parts([one], "standby")
            for content in (part.get("message"), part.get("postback"))
            if content and not content.get("is_deleted")
        }
        assert said == {(effect.mid, effect.text) for effect in one.effects if isinstance(effect, ExpectedMessage)}


def test_edit_numbers_increase_and_some_edits_come_before_their_message() -> None:
    """A message has at most five edits. Each early edit is followed by its message with the older text."""
    known: set[str] = set()
    numbers: dict[str, int] = {}
    early: dict[str, str | None] = {}
    for one in with_events(6_000):
        for effect in one.effects:
            if isinstance(effect, ExpectedMessage):
                known.add(effect.mid)
                assert effect.text != early.pop(effect.mid, "")
            elif isinstance(effect, Edit):
                assert effect.number == numbers.get(effect.id, 0) + 1 <= 5
                numbers[effect.id] = effect.number
                if effect.id not in known:
                    early[effect.id] = effect.text
    assert len(numbers) > 50
    assert len(early) <= 2


def test_an_unsent_message_is_not_edited_afterwards() -> None:
    """A deleted message cannot be edited."""
    gone: set[str] = set()
    for one in with_events(6_000):
        for effect in one.effects:
            assert not (isinstance(effect, Edit) and effect.id in gone)
            if isinstance(effect, Unsend):
                gone.add(effect.id)
    assert len(gone) > 5


def test_the_time_of_an_event_is_shortly_before_its_delivery() -> None:
    """The times are in milliseconds, except in a rare odd spelling."""
    stamps = [part["timestamp"] for part in parts(with_events(500, habits=Habits(odd=0)), "messaging")]
    assert all(NOW - 3_000 < stamp < NOW + 1000 * 10**6 for stamp in stamps)


def test_broken_events_have_the_requested_rate_and_are_not_expected() -> None:
    """Every reason occurs, and the rest of the delivery is not damaged."""
    drawn = with_events(3_000, habits=Habits(broken=0.1))
    kinds = Counter(kind for one in drawn for kind in one.kinds)
    broken = {kind: number for kind, number in kinds.items() if kind.startswith("broken_")}
    assert set(broken) == {f"broken_{why}" for why in REASONS}
    assert 0.07 < sum(broken.values()) / kinds.total() < 0.13
    texts = [effect.text for one in drawn for effect in one.effects if isinstance(effect, ExpectedMessage)]
    assert "មិនត្រូវទុក" not in texts
    assert [json.loads(serialize(one.document)) for one in drawn]


@pytest.mark.parametrize(
    ("kind", "container"),
    [("standby_echo", "standby"), ("feed_comment", "changes"), ("call", "calls"), ("echo", "messaging")],
)
def test_each_kind_of_event_is_in_its_own_list(kind: str, container: str) -> None:
    """Standby copies, Page changes and calls each have a list of their own."""
    for one in islice(deliveries(habits=Habits(largest_batch=1)), 2_000):
        if one.kinds == (kind,):
            assert set(one.document["entry"][0]) == {"id", "time", container}
            return
    pytest.fail(f"no {kind} came")
