"""When a Page is looked at next. Pure; milliseconds.

Facebook gives no sign when it ends a subscription, and advises to check tokens at least daily
(developers.facebook.com/docs/facebook-login/guides/access-tokens).
"""

from typing import Final

from domain.shop import Page, PageState
from domain.watch import Outage
from graph_client.fields import FIELDS, missing

DAY: Final = 24 * 60 * 60 * 1000
"""Tokens and subscriptions are checked at least so often."""

SOON: Final = 60 * 1000
"""A connect that ended half way, its subscription not made, is looked at after so long: not while it is still at it."""

SILENCE: Final = 30 * 60 * 1000
"""A Page that had written and has been silent for so long is looked at; then after twice as long, and so on up to a
day. Facebook unsubscribes after an hour of failed deliveries, and a shop's quiet night costs six looks."""

MARGIN: Final = 10 * 60 * 1000
"""What may be missing is looked for from so much earlier on: Facebook delivers late when it delivers again, and dates
what it fetches to the second. What is there already is stored once."""

KEPT: Final = 5 * DAY
"""Older messages would not be kept."""


def next_look(page: Page, state: PageState, outage: Outage | None) -> int:
    """The moment from which a look at Graph is worth its calls."""
    if outage is not None and outage.ended > state.checked_at:
        return outage.ended
    daily = state.checked_at + DAY
    if state.expires_at is not None and state.expires_at > state.checked_at:
        daily = min(daily, state.expires_at)  # a token that ends is noticed when it does
    if page.last_event_at is None:
        return daily
    silence = SILENCE
    while silence < DAY and page.last_event_at + silence <= state.checked_at:
        silence *= 2
    silent = page.last_event_at + silence
    return min(daily, silent) if silent > state.checked_at else daily


def fields_untried(state: PageState, before: PageState) -> bool:
    """Whether to ask Facebook for more webhook fields: for some that it never refused, or after a permission changed.

    `before` is the state of the check before. Fields that Facebook refused are not asked for at every check.
    """
    if missing(FIELDS, (*state.subscribed_fields, *state.missing_fields)):
        return True
    return bool(state.missing_fields) and state.missing_permissions != before.missing_permissions


def missed_since(page: Page, state: PageState, outage: Outage | None, now: int, *, lost: bool) -> int | None:
    """From when on messages may be missing; None when there is no sign of it.

    A lost subscription: since the last that came. An outage: since it began. What was found missing before and is not
    healed yet stays.
    """
    signs = []
    if state.heal_since is not None:
        signs.append(state.heal_since)
    if lost:
        signs.append((page.last_event_at or page.connected_at) - MARGIN)
    if outage is not None and outage.ended > state.checked_at:
        signs.append(outage.began - MARGIN)
    return max(min(signs), now - KEPT) if signs else None
