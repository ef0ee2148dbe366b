"""Shops, their Pages, and their permissions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from domain.ids import PageId, ShopId
from domain.secret import Secret

Scope = Literal["messages:read", "messages:purge", "graph:read", "shop:admin"]
SCOPES: tuple[Scope, ...] = ("messages:read", "messages:purge", "graph:read", "shop:admin")

EVERY_SHOP = ShopId("*")
"""The `shop` claim of a token for all shops. Only the operator's own back end has such a token."""


PageStatus = Literal["webhooks_only", "connected", "unsubscribed", "reconnect"]
"""The functions that a Page has now. `webhooks_only`: messages arrive, but Graph cannot be called. `connected`: all
functions. `unsubscribed`: Graph can be called, but no messages arrive until the subscription is restored. `reconnect`:
Graph cannot be called until the shop connects the Page with a new token.
"""


TOKEN_WARNING_MS: Final = 14 * 24 * 60 * 60 * 1000
"""The shop is warned if its token ends within this number of milliseconds. An owner may not log in at Facebook for
days."""


@dataclass(frozen=True, slots=True)
class PageState:
    """The result of the last check of a Page's token with Facebook. Times are milliseconds.

    `reason` says why a token is dead, as a slug. `missing_permissions` are permissions that some feature needs.
    `missing_fields` maps each webhook field that Facebook refused to deliver to the permission that Facebook named, or
    to "". `heal_since` is set while messages from that time on may be missing. `expires_at` is when the token ends by
    itself, or None for a token without an end.
    """

    checked_at: int
    token_alive: bool
    reason: str | None = None
    subscribed_fields: tuple[str, ...] = ()
    missing_permissions: tuple[str, ...] = ()
    heal_since: int | None = None
    expires_at: int | None = None
    missing_fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def expires_soon(self) -> bool:
        """Returns whether the token ends within `TOKEN_WARNING_MS` of the last check."""
        return (
            self.token_alive and self.expires_at is not None and self.expires_at - self.checked_at <= TOKEN_WARNING_MS
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A Page connected to a shop. Times are milliseconds. `state` is None for a Page connected for webhooks only.
    `last_event_at` is the time of the last message, edit or unsend, exact to a second, or None. While the Page is
    `paused`, its events are not stored. `paused_until` is the end of the pause, or None if it has no end.
    """

    id: PageId
    connected_at: int
    last_event_at: int | None = None
    state: PageState | None = None
    paused: bool = False
    paused_until: int | None = None

    @property
    def status(self) -> PageStatus:
        """Returns which functions the Page has now."""
        if self.state is None:
            return "webhooks_only"
        if not self.state.token_alive:
            return "reconnect"
        return "connected" if self.state.subscribed_fields else "unsubscribed"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A Page's decrypted token, and the last check of it. `seal` distinguishes this token from a later token."""

    token: Secret
    seal: bytes
    state: PageState


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop and whether it wants its messages stored. `paused_until` is when its pause ends, or None if it has no
    end, in milliseconds.
    """

    id: ShopId
    paused: bool
    pages: tuple[Page, ...]
    paused_until: int | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller: the bearer of a verified token. `subject` is the token's `sub`, for receipts and the audit log.
    `expires_at` is the Unix second at which the token ends.
    """

    shop: ShopId
    scopes: frozenset[str]
    subject: str
    expires_at: float = math.inf
