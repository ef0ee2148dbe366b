"""Pure: reads the used share of each budget from the headers of Graph's answers, and decides whether to slow down or
stop.

A Page has 4800 calls in 24 hours for each active person, so a small shop has a small budget. The app
has 200 calls an hour for each user. Conversations have two calls a second. At 100 % of any counter Facebook refuses
calls, and each further call prolongs the block. https://developers.facebook.com/docs/graph-api/overview/rate-limiting
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from domain.graph import Limit
from domain.ids import PageId
from graph_client.errors import Throttled

HEADER_CHARACTERS: Final = 16 * 1024
"""The longest header that is read. One header describes at most 32 business objects, with about 200 characters each."""

DAY_SECONDS: Final = 86_400
"""The longest wait that is believed, because the longest window is a day."""

_COUNTERS: Final = ("call_count", "total_time", "total_cputime")
_TYPES: Final[dict[object, Limit]] = {"pages": "pages", "messenger": "messenger", None: "pages"}
"""Types of a business use case. The other types (advertising, Instagram) are budgets of calls that the service does not
make.
"""

SLOW_FROM: Final = 0.75
"""Calls are slowed down from this share on. A quarter of the budget is left then: 1200 calls of the smallest budget."""

_CLOSEST, _FARTHEST = 0.1, 5.0
"""Seconds between two calls at SLOW_FROM and at the limit. Between these two shares, the seconds grow exponentially. At
first the delay is not noticed. Near the limit a second caller is refused instead of delayed.
"""

_HOLD_SECONDS: Final[dict[Limit, int]] = {
    "app": 300,  # the window is an hour and the header has no time, so this is a twelfth of the window
    "pages": 120,  # the window is a day; used only if an answer does not say the minutes
    "messenger": 60,  # mostly bursts of conversations
}
"""Seconds for which calls stop if Facebook does not say how long."""

_BURST_CODE, _BURST_SECONDS = 613, 5
"""For conversations this code means the limit of two calls per second. The block ends as soon as no calls are made."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage headers of one answer. `share` is the used part of each budget: 1.0 is the limit. `regain` and
    `retry_after` are in seconds.
    """

    share: Mapping[Limit, float] = field(default_factory=dict)
    regain: Mapping[Limit, int] = field(default_factory=dict)
    retry_after: int | None = None


NO_USAGE: Final = Usage()


@dataclass(frozen=True, slots=True)
class Advice:
    """Seconds. No call is made for `hold`. Afterwards, or without a hold, two calls are at least `spacing` apart."""

    hold: float = 0.0
    spacing: float = 0.0


def read_usage(headers: Mapping[str, str], page: PageId | None) -> Usage:
    """Returns the used budgets of the app and of this Page from the headers of an answer. The keys of `headers`
    are in small letters.

    If the header has this Page's entry, entries of other objects are ignored. Without this Page's entry, all entries
    count, because the key is an unknown id. A malformed value is ignored. Never raises.
    """
    share: dict[Limit, float] = {}
    regain: dict[Limit, int] = {}

    def note(limit: Limit, counters: Mapping[str, Any]) -> None:
        counted = [_finite(counters.get(name)) for name in _COUNTERS]
        used = [one for one in counted if one is not None]
        if used:
            # A share above ten times the limit has no further meaning.
            share[limit] = max(share.get(limit, 0.0), min(max(used), 1000.0) / 100)
        minutes = _finite(counters.get("estimated_time_to_regain_access"))
        if minutes:
            regain[limit] = max(regain.get(limit, 0), min(int(minutes * 60), DAY_SECONDS))

    for counters in _objects(headers.get("x-app-usage")):
        note("app", counters)
    for counters in _objects(headers.get("x-page-usage")):  # not documented any more, but seen
        note("pages", counters)
    for business in _objects(headers.get("x-business-use-case-usage")):
        for row in [business[page]] if page in business else list(business.values()):
            for counters in row if isinstance(row, list) else ():
                kind = counters.get("type") if isinstance(counters, dict) else ""
                if isinstance(kind, str | None) and kind in _TYPES:
                    note(_TYPES[kind], counters)
    retry_after = _seconds(headers.get("retry-after"))
    return Usage(share, regain, retry_after) if share or regain or retry_after else NO_USAGE


def advice(share: float, regain_seconds: int, limit: Limit) -> Advice:
    """Returns what to do about a budget with this share used: nothing, slow down, or stop for a while."""
    if regain_seconds > 0:
        return Advice(hold=float(min(regain_seconds, DAY_SECONDS)))
    if share >= 1:
        return Advice(hold=float(_HOLD_SECONDS[limit]))
    if share < SLOW_FROM:
        return Advice()
    way = (share - SLOW_FROM) / (1 - SLOW_FROM)
    return Advice(spacing=_CLOSEST * (_FARTHEST / _CLOSEST) ** way)


def wait_after(error: Throttled, usage: Usage) -> int:
    """Returns the seconds after which a refused call may be repeated: the longest that Facebook names, or an estimate
    by limit.
    """
    counted = max(usage.retry_after or 0, usage.regain.get(error.limit, 0))
    if not counted and error.code == _BURST_CODE and error.limit == "messenger":
        counted = _BURST_SECONDS
    return min(counted or _HOLD_SECONDS[error.limit], DAY_SECONDS)


def _objects(header: str | None) -> Iterator[dict[str, Any]]:
    """Yields the header's object, if it is one."""
    if header is None or len(header) > HEADER_CHARACTERS:
        return
    try:
        value = orjson.loads(header)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return
    if isinstance(value, dict):
        yield value


def _finite(value: object) -> float | None:
    """Returns a percentage or minutes, from a number or its text; None for anything else and below 0."""
    if type(value) is str and len(value) <= 12:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) in (int, float) and 0 <= value < 1e12:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    return None


def _seconds(text: str | None) -> int | None:
    """Returns Retry-After in seconds. A Retry-After with a date is ignored. Facebook documents neither form."""
    if text is None or not (text.isascii() and text.strip().isdigit() and len(text) <= 9):
        return None
    return min(int(text), DAY_SECONDS)
