"""Moments, compared with the standard library's reading of the same text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.moment import LAST_MOMENT, from_number, from_text, rfc3339, rfc3339_of_both

MOMENTS = st.integers(0, LAST_MOMENT)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_770_000_000_123, "2026-02-02T02:40:00.123Z"),
        (1_772_236_799_999, "2026-02-27T23:59:59.999Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (LAST_MOMENT, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_milliseconds(moment: int, text: str) -> None:
    """The text always has three digits and a Z."""
    assert rfc3339(moment) == text
    assert from_text(text) == moment


@given(MOMENTS)
def test_a_written_moment_is_read_as_the_same_moment(moment: int) -> None:
    """Our code and the standard library read the same moment."""
    text = rfc3339(moment)
    assert from_text(text) == moment
    assert datetime.fromisoformat(text) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)


@given(MOMENTS, st.integers(0, 9) | st.integers(0, 9).map(lambda days: days * 86_400_000))
def test_two_moments_written_together_are_the_same_as_written_separately(start: int, later: int) -> None:
    """The moments may have whole days between them or none."""
    end = min(start + later, LAST_MOMENT)
    assert rfc3339_of_both(start, end) == (rfc3339(start), rfc3339(end))


@given(st.integers(86_400_000, LAST_MOMENT - 86_400_000), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_a_time_with_an_offset_is_read_as_the_same_moment(moment: int, minutes: int) -> None:
    """The offset may be +07:00 as in Phnom Penh, or any other."""
    zone = timezone(timedelta(minutes=minutes))
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).astimezone(zone)
    assert from_text(local.isoformat()) == moment


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (0, 0),
        (1_770_000_000, 1_770_000_000_000),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (1_770_000_000_123, 1_770_000_000_123),
        (LAST_MOMENT, LAST_MOMENT),
        (LAST_MOMENT + 1, None),
        (-1, None),
        (10**30, None),
    ],
)
def test_the_size_of_a_number_decides_between_seconds_and_milliseconds(number: int, moment: int | None) -> None:
    """Facebook sends both. Moments before 1970 and after the year 9999 are refused."""
    assert from_number(number) == moment
    if number >= 0:
        assert from_text(str(number)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "2026-02-02T02:40:00",
        "2026-02-02",
        "-1",
        "1.5",
        "+5",
        "१७७",
        "១៧៧",
        "1" * 16,
        "1969-12-31T23:59:59Z",
    ],
)
def test_any_other_text_is_not_a_moment(text: str) -> None:
    """A time without an offset is refused too, because its time zone is unknown."""
    assert from_text(text) is None


def test_finer_fractions_are_cut_off() -> None:
    """The fraction is not rounded, so a moment never moves into the next millisecond."""
    assert from_text("2026-02-02T02:40:00.123999Z") == 1_770_000_000_123


@given(st.text())
@example("9999-12-31T23:59:59.999999-23:59")
@example("0001-01-01T00:00:00+23:59")
@example("\ud800")
@example("2026-02-02T24:00:00Z")
def test_any_text_gives_a_moment_or_none(text: str) -> None:
    """Each text gives a time between 1970 and 9999, or None."""
    moment = from_text(text)
    assert moment is None or 0 <= moment <= LAST_MOMENT
