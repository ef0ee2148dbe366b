"""Pure: when a Page is checked next. Times are milliseconds.

Facebook gives no sign when it ends a subscription, and advises to check tokens at least daily
(developers.facebook.com/docs/facebook-login/guides/access-tokens).
"""

from typing import Final

from domain.shop import Page, PageState
from domain.watch import Outage
from graph_client.fields import FIELDS, missing

DAY: Final = 24 * 60 * 60 * 1000
"""The longest time between two checks of a Page's token and subscription."""

SOON: Final = 60 * 1000
"""A connect that ended before the subscription was made is checked after this time. A normal connect ends earlier.
"""

SILENCE: Final = 30 * 60 * 1000
"""A Page that had messages is checked after this time without a message. Each further check comes after twice the
silence, up to a day. Facebook unsubscribes after an hour of failed deliveries. A shop's quiet night needs six checks.
"""

MARGIN: Final = 10 * 60 * 1000
"""Missing messages are fetched from a time that is earlier by this margin. Facebook repeats deliveries late, and the
times of fetched messages have whole seconds. A fetched message that is already stored is not stored again.
"""

KEPT: Final = 5 * DAY
"""Messages older than this are not fetched, because they would expire at once."""


def next_look(page: Page, state: PageState, outage: Outage | None) -> int:
    """Returns the time of the next check that calls Graph."""
    if outage is not None and outage.ended > state.checked_at:
        return outage.ended
    daily = state.checked_at + DAY
    if state.expires_at is not None and state.expires_at > state.checked_at:
        daily = min(daily, state.expires_at)  # a token's end is noticed at once
    if page.last_event_at is None:
        return daily
    silence = SILENCE
    while silence < DAY and page.last_event_at + silence <= state.checked_at:
        silence *= 2
    silent = page.last_event_at + silence
    return min(daily, silent) if silent > state.checked_at else daily


def fields_untried(state: PageState, before: PageState) -> bool:
    """Returns whether to ask Facebook for more webhook fields: for fields that it never refused, or after a permission
    changed.

    `before` is the state of the earlier check. Fields that Facebook refused are not requested at every check.
    """
    if missing(FIELDS, (*state.subscribed_fields, *state.missing_fields)):
        return True
    return bool(state.missing_fields) and state.missing_permissions != before.missing_permissions


def missed_since(page: Page, state: PageState, outage: Outage | None, now: int, *, lost: bool) -> int | None:
    """Returns the time from which messages may be missing, or None if there is no sign of missing messages.

    After a lost subscription, this is the time of the last event. After an outage, this is its beginning. If an earlier
    time is not healed yet, the earlier time is returned.
    """
    signs = []
    if state.heal_since is not None:
        signs.append(state.heal_since)
    if lost:
        signs.append((page.last_event_at or page.connected_at) - MARGIN)
    if outage is not None and outage.ended > state.checked_at:
        signs.append(outage.began - MARGIN)
    return max(min(signs), now - KEPT) if signs else None
