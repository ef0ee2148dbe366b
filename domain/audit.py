"""The contents of a shop's audit log."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

OPERATOR = "operator"
"""The subject of an action that an operator does with a command on the store itself."""
FACEBOOK = "facebook"
"""The subject of an action that Facebook causes: by a callback, or by proving which of two shops a Page belongs to."""
AT_THE_STORE = "local"
"""Replaces the client's address if a command works on the store itself."""

UNKNOWN_CLIENT = "unknown"
"""Replaces an address that is not known, or a proxy's text that is not an IP address."""

LONGEST_ADDRESS = 64
"""Characters. An IPv6 address has at most 45. The others are for the name of a network interface (`fe80::1%eth0`)."""


def client_address(host: str | None) -> str:
    """Returns an IP address in its usual form, or "unknown". A long text is refused before it enters the cache."""
    if not host or len(host) > LONGEST_ADDRESS:
        return UNKNOWN_CLIENT
    return _usual_form(host)


@lru_cache(maxsize=1024)
def _usual_form(host: str) -> str:
    """Results are cached, because parsing takes several microseconds, and each delivery and call has an address."""
    try:
        return UNKNOWN_CLIENT if "%" in host else str(ip_address(host))  # a zone is free text
    except ValueError:
        return UNKNOWN_CLIENT


@dataclass(frozen=True, slots=True)
class Access:
    """A requested action: `action` is the name of the call in the API's description, `subject` the token's `sub`,
    `client` an IP address.

    `page` is set for changes only. No customer, conversation or message is named. If the access is a `read`, further
    reads of the same hour share one entry. Each change has its own entry. If the access is `limited`, it counts as one
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
    """One entry of a shop's log: `access` happened `times` times from `since` to `at`, in milliseconds."""

    at: int
    since: int
    times: int
    access: Access
