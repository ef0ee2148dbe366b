"""When the watch checks a Page, and since when its messages may be missing."""

from dataclasses import replace

import pytest

from domain.ids import PageId
from domain.shop import Page, PageState
from domain.watch import Outage
from graph_client.schedule import DAY, KEPT, MARGIN, SILENCE, missed_since, next_look

NOW = 1_770_000_000_000
MINUTE = 60_000
STATE = PageState(NOW, token_alive=True, subscribed_fields=("messages",))
PAGE = Page(PageId("104200000000001"), NOW - 10 * DAY, state=STATE)


def at(last_event: int | None) -> Page:
    """Returns the Page, with its last event this long ago."""
    return replace(PAGE, last_event_at=last_event)


def test_a_page_without_any_event_is_checked_daily() -> None:
    """For such a Page, silence is no sign of a fault."""
    assert next_look(PAGE, STATE, None) == NOW + DAY


def test_a_page_with_events_is_checked_after_half_an_hour_of_silence() -> None:
    """The time counts from its last event and not from the last check."""
    assert next_look(at(NOW + MINUTE), STATE, None) == NOW + MINUTE + SILENCE


def test_checks_of_a_silent_page_become_rarer_down_to_one_a_day() -> None:
    """In sixteen silent hours there are six checks. Each check comes after twice the silence of the check before it."""
    last, looks = NOW, []
    state = replace(STATE, checked_at=NOW)
    for _ in range(10):
        look = next_look(at(last), state, None)
        assert look > state.checked_at
        looks.append((look - last) // MINUTE)
        state = replace(state, checked_at=look)
    assert looks[:6] == [30, 60, 120, 240, 480, 960]
    assert looks[6:] == [1920 + 1440 * n for n in range(4)]


def test_every_page_is_checked_one_time_after_an_outage() -> None:
    """The Page is due when the outage ends. After that check it is due a day later."""
    outage = Outage(NOW + 1000, NOW + 2000)
    assert next_look(at(NOW), STATE, outage) == outage.ended
    assert next_look(PAGE, replace(STATE, checked_at=NOW + 3000), outage) == NOW + 3000 + DAY


@pytest.mark.parametrize(
    ("page", "state", "outage", "lost", "since"),
    [
        (at(NOW - DAY), STATE, None, False, None),
        (at(NOW - DAY), STATE, None, True, NOW - DAY - MARGIN),
        (replace(PAGE, connected_at=NOW - DAY), STATE, None, True, NOW - DAY - MARGIN),
        (PAGE, STATE, None, True, NOW - KEPT),
        (at(NOW - 1), STATE, Outage(NOW - DAY, NOW + 1), False, NOW - DAY - MARGIN),
        (at(NOW - 1), STATE, Outage(NOW - DAY, NOW - 1), False, None),
        (at(NOW - 2 * DAY), STATE, Outage(NOW - DAY, NOW + 1), True, NOW - 2 * DAY - MARGIN),
        (at(NOW), replace(STATE, heal_since=NOW - 3 * DAY), None, False, NOW - 3 * DAY),
    ],
    ids=[
        *("no sign", "lost", "lost before the first event", "lost long ago", "outage", "outage seen to already"),
        *("lost before an outage", "unhealed from before"),
    ],
)
def test_messages_may_be_missing_since_the_earliest_sign(
    page: Page, state: PageState, outage: Outage | None, lost: bool, since: int | None
) -> None:
    """The time is never earlier than the five days for which messages are kept."""
    assert missed_since(page, state, outage, NOW, lost=lost) == since
