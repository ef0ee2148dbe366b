"""Pure: when a Page is checked next. Times are milliseconds.

Facebook gives no sign when it ends a subscription, and advises to check tokens at least daily
(developers.facebook.com/docs/facebook-login/guides/access-tokens).
"""

from typing import Final

from domain.shop import Page, PageState
from domain.watch import Outage
from graph_client.fields import FIELDS, missing

DAY: Final = 24 * 60 * 60 * 1000
"""Tokens and subscriptions are checked at least this often."""

SOON: Final = 60 * 1000
"""A connect that ended before the subscription was made is checked after this time. A connect in progress ends earlier.
"""

SILENCE: Final = 30 * 60 * 1000
"""A Page that had messages and has been silent for this long is checked, then again after twice as long, and so on up
to a day. Facebook unsubscribes after an hour of failed deliveries. A shop's quiet night needs six checks.
"""

MARGIN: Final = 10 * 60 * 1000
"""Missing messages are fetched from this much earlier on. Facebook repeats deliveries late, and the times of fetched
messages have whole seconds. A message that is already kept is stored once.
"""

KEPT: Final = 5 * DAY
"""Older messages would not be kept."""


def next_look(page: Page, state: PageState, outage: Outage | None) -> int:
    """Returns the moment from which a check is worth its calls of Graph."""
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

    After a lost subscription, this is the time of the last event. After an outage, this is its beginning. An earlier
    time that is not healed yet stays.
    """
    signs = []
    if state.heal_since is not None:
        signs.append(state.heal_since)
    if lost:
        signs.append((page.last_event_at or page.connected_at) - MARGIN)
    if outage is not None and outage.ended > state.checked_at:
        signs.append(outage.began - MARGIN)
    return max(min(signs), now - KEPT) if signs else None
