"""What the service asks Facebook to tell it: webhook fields and permissions. Pure.

developers.facebook.com/docs/graph-api/webhooks/reference/page, .../reference/page/subscribed_apps
"""

from collections.abc import Iterable
from typing import Final

KEPT_FIELDS: Final = ("messages", "message_echoes", "message_edits", "messaging_postbacks", "standby")
"""What is stored."""

LIVE_FIELDS: Final = (
    *("messaging_referrals", "message_reactions", "message_reads", "message_deliveries"),
    *("feed", "mention", "live_videos"),
)
"""What is understood and passed on, and never stored. `messaging_referrals` also brings the advertisement that a
message came from."""

FIELDS: Final = KEPT_FIELDS + LIVE_FIELDS
"""All of it; the call replaces the whole list, so it is always sent whole."""

NEEDED_FIELDS: Final = ("messages",)
"""Without these nothing of use comes, and the subscription counts as lost."""

NEEDED_PERMISSIONS: Final = ("pages_messaging", "pages_manage_metadata", "pages_show_list", "pages_read_engagement")
"""Messages; the subscription (two of them); the Page's own posts, and conversations. Without one of them a Page is not
connected."""

WANTED_PERMISSIONS: Final = ("pages_read_user_content",)
"""Comments of visitors. Reported as missing; the shop decides."""


def missing(permissions: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """Those that were not granted, in their order."""
    there = frozenset(granted)
    return tuple(permission for permission in permissions if permission not in there)
