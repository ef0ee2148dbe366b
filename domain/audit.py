"""Who did what in a shop: what the audit log holds, and what can be wrong with it."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal

OPERATOR = "operator"
"""The subject of what is done by a command on the store itself."""
FACEBOOK = "facebook"
"""The subject of what Facebook decides: its callbacks, and which of two shops a Page belongs to."""
AT_THE_STORE = "local"
"""Stands for the address where a command works on the store itself."""

UNKNOWN_CLIENT = "unknown"
"""Stands where the address is not known, or where a proxy sent a text that is no IP address."""

LONGEST_ADDRESS = 64
"""Characters. An IPv6 address has at most 45; the rest is for the name of a network interface (`fe80::1%eth0`)."""


def client_address(host: str | None) -> str:
    """An IP address in its usual form, or "unknown". A long text is refused before the cache sees it."""
    if not host or len(host) > LONGEST_ADDRESS:
        return UNKNOWN_CLIENT
    return _usual_form(host)


@lru_cache(maxsize=1024)
def _usual_form(host: str) -> str:
    try:
        return UNKNOWN_CLIENT if "%" in host else str(ip_address(host))  # a zone is free text
    except ValueError:
        return UNKNOWN_CLIENT


@dataclass(frozen=True, slots=True)
class Access:
    """Something that is asked for: `action` is the name of the call in the API's description, `subject` the token's
    `sub`, `client` an IP address.

    `page` is named for changes only; no customer, conversation or message is named. Where it is a `read`, further reads
    of the same minute may share an entry; each change is an entry of its own. Where it is `limited`, it counts as one
    of the changes that the shop may make in a day (domain/limits.py).
    """

    action: str
    subject: str
    client: str
    page: str | None = None
    read: bool = False
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a shop's log: `access` was asked for `times` times from `since` to `at`, in milliseconds.

    `sequence` counts from 1 without a gap. `previous_at` is the `at` of the entry before, 0 for the first. `mac`
    authenticates the entry and all entries before it.
    """

    sequence: int
    at: int
    since: int
    times: int
    access: Access
    previous_at: int
    mac: bytes


Breach = Literal["changed", "removed", "moved", "forked", "key_unknown", "head_changed"]
"""What can be wrong with entries: their content is not what was written; they are not there; they stand in another
place; two stand in one place; their key is not among ours, so that nobody can tell; the shop's record names another
last entry."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something wrong with the entries `first` to `last`, by their sequence."""

    breach: Breach
    first: int
    last: int
