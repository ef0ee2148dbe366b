"""Pure: the webhook fields and permissions that the service asks Facebook for.

developers.facebook.com/docs/graph-api/webhooks/reference/page, .../reference/page/subscribed_apps
"""

from collections.abc import Iterable
from typing import Final

KEPT_FIELDS: Final = ("messages", "message_echoes", "message_edits", "messaging_postbacks", "standby")
"""The fields that are stored."""

LIVE_FIELDS: Final = (
    *("messaging_referrals", "message_reactions", "message_reads", "message_deliveries"),
    *("feed", "mention", "live_videos"),
)
"""The fields that are passed on to viewers and never stored. `messaging_referrals` also has the advertisement that led
to a message.
"""

FIELDS: Final = KEPT_FIELDS + LIVE_FIELDS
"""All fields. A call that subscribes fields replaces the whole list, so the list is always sent complete."""

NEEDED_FIELDS: Final = ("messages",)
"""Without these fields nothing useful arrives, and the subscription counts as lost."""

NEEDED_PERMISSIONS: Final = ("pages_messaging", "pages_manage_metadata", "pages_show_list", "pages_read_engagement")
"""The permissions for messages, for the subscription (two of them), for the Page's own posts, and for conversations. A
Page whose token lacks one of these permissions is not connected.
"""

WANTED_PERMISSIONS: Final = ("pages_read_user_content",)
"""The permission for comments of visitors. The service reports it as missing, and the shop decides."""


def missing(permissions: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """Returns the permissions that were not granted, in their order."""
    there = frozenset(granted)
    return tuple(permission for permission in permissions if permission not in there)
