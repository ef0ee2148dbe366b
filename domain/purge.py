"""Purges that a shop requests, and deletions that a person requests at Facebook."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from domain.ids import PurgeId
from domain.moment import rfc3339

PurgeTarget = Literal["shop", "page", "customer", "conversation", "message"]
PURGE_TARGETS: Final[dict[bytes, PurgeTarget]] = {name.encode(): name for name in get_args(PurgeTarget)}
"""The targets, by their names in the store."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of a purge: its target, its time, and the caller who requested it. It names no customer and no
    content. `requested_at` is in milliseconds.

    When a receipt exists, its target cannot be read any more. `complete` is true when the bytes are erased too. Only a
    complete receipt has a `signature` (cache/purging/receipt_signature.py).
    """

    id: PurgeId
    what: PurgeTarget
    requested_at: int
    requested_by: str
    complete: bool
    messages_deleted: int
    signature: str | None = None

    def content(self) -> dict[str, str | int]:
        """Returns the members as they are answered and signed, without the signature."""
        return {
            "purge_id": self.id,
            "what": self.what,
            "requested_at": rfc3339(self.requested_at),
            "requested_by": self.requested_by,
            "status": "complete" if self.complete else "running",
            "messages_deleted": self.messages_deleted,
        }


@dataclass(frozen=True, slots=True)
class Deletion:
    """The record of a person's request to delete the data from their Facebook account. `requested_at` is in
    milliseconds. The record does not name the person.
    """

    requested_at: int
    complete: bool
