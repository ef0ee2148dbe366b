"""Shops, their Pages, and who may do what."""

from dataclasses import dataclass
from typing import Literal

from domain.ids import PageId, PurgeId, ShopId

Scope = Literal["messages:read", "messages:purge", "graph:read", "shop:admin"]
SCOPES: tuple[Scope, ...] = ("messages:read", "messages:purge", "graph:read", "shop:admin")

EVERY_SHOP = ShopId("*")
"""The `shop` claim of HangPopok's own back end."""


@dataclass(frozen=True, slots=True)
class Page:
    """A Page connected to a shop; `connected_at` in milliseconds."""

    id: PageId
    connected_at: int


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop and whether it wants its messages stored."""

    id: ShopId
    paused: bool
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: the bearer of a verified token. `subject` is the token's `sub`, for receipts and the audit log."""

    shop: ShopId
    scopes: frozenset[str]
    subject: str


PurgeTarget = Literal["shop", "page", "conversation", "message"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was purged, when, on whose word. Names no person and no content; `requested_at` in milliseconds.

    From the moment it exists nothing of its target can be read; `complete` says the bytes are erased too.
    """

    id: PurgeId
    what: PurgeTarget
    requested_at: int
    requested_by: str
    complete: bool
    messages_deleted: int
