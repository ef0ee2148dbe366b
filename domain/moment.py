"""Times: Unix milliseconds inside the service, and RFC 3339 in UTC with milliseconds outside."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

LAST_MOMENT = 253_402_300_799_999
"""The last millisecond of the year 9999, the end of RFC 3339's four-digit years."""

_SECONDS_BELOW = 100_000_000_000
"""A smaller number is read as Unix seconds (before the year 5138), any other number as milliseconds (from 1973)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = 86_400_000
_TWO = tuple(f"{number:02d}" for number in range(60))
_THREE = tuple(f"{number:03d}" for number in range(1000))
"""The numbers are formatted once. A list page of messages has 200 times, and formatting a number takes 1 µs."""


def rfc3339(moment: int) -> str:
    """Returns `1770000000123` as `2026-02-02T02:40:00.123Z`."""
    return _date(moment // _DAY) + _time(moment % _DAY)


def rfc3339_of_both(start: int, end: int) -> tuple[str, str]:
    """Returns `rfc3339` of both moments. If they are whole days apart, the time of the day is formatted only once."""
    days, rest = divmod(end - start, _DAY)
    if rest:
        return rfc3339(start), rfc3339(end)
    day, time = start // _DAY, _time(start % _DAY)
    return _date(day) + time, _date(day + days) + time


def _time(rest: int) -> str:
    """Returns the time of a day. Python calculates fast here, because all numbers are below 2^30."""
    second = rest // 1000
    return f"T{_TWO[second // 3600]}:{_TWO[second // 60 % 60]}:{_TWO[second % 60]}.{_THREE[rest % 1000]}Z"


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    """Returns the date of a day, counted from 1970. Results are cached, because nearly all times are within ten days
    and `strftime` takes five times as long as the rest of `rfc3339`.
    """
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


def from_number(number: int) -> int | None:
    """Returns Unix seconds or milliseconds as milliseconds; None before 1970 and after the year 9999."""
    moment = number * 1000 if number < _SECONDS_BELOW else number
    return moment if 0 <= moment <= LAST_MOMENT else None


def from_text(text: str) -> int | None:
    """Returns Unix milliseconds from the text of an RFC 3339 time (with an offset), of Unix seconds or of Unix
    milliseconds; None for any other text.

    Fractions finer than a millisecond are cut off.
    """
    if text.isascii() and text.isdigit() and len(text) <= len(str(LAST_MOMENT)):
        return from_number(int(text))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.tzinfo is None:
        return None
    moment = (time - _EPOCH) // _MILLISECOND
    return moment if 0 <= moment <= LAST_MOMENT else None
