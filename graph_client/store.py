"""What this package needs of the store. `cache/` has a class for each of these Protocols, with the same name.

Times are Unix milliseconds. Every method raises kind unavailable if the store is unavailable.
"""

from typing import Protocol

from domain.heal import Heal
from domain.ids import PageId, ShopId
from domain.purge import Receipt
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState, PageStatus
from domain.watch import Outage


class Registry(Protocol):
    """Knows which shop has which Pages, and keeps the tokens of Pages encrypted."""

    async def owner(self, page: PageId, /) -> ShopId | None:
        """Returns the shop of a Page, or None if no shop has the Page."""
        ...

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Returns the Page's state. Raises kind not_found."""
        ...

    async def connect(self, shop: ShopId, page: PageId, /) -> Page:
        """Route the Page's messages to the shop. Raises kind conflict, `page_of_another_shop`."""
        ...

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """Returns the token, decrypted, or None if the Page has none. Raises kind not_found; conflict if the token
        cannot be decrypted any more.
        """
        ...

    async def keep_token(self, shop: ShopId, page: PageId, token: Secret, state: PageState, /) -> Page:
        """Encrypt and keep the token, in place of an earlier one. Raises kind not_found."""
        ...

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Record the result of a check, unless the Page has another token by now. Returns whether it was recorded."""
        ...

    async def reseal(self, shop: ShopId, page: PageId, credentials: Credentials, /) -> bool:
        """Encrypt the token with the newest key if an older key was used. Returns whether it was encrypted again."""
        ...


class Watchlist(Protocol):
    """The times at which Pages are checked, shared by all replicas."""

    async def take(self, now_ms: int, lease_ms: int, count: int, /) -> list[PageId]:
        """Returns Pages that are due. No other replica gets them until the lease is over."""
        ...

    async def renew(self, page: PageId, until_ms: int, /) -> None:
        """Make the lease longer."""
        ...

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Check the Page at this time. Count it under this status until then."""
        ...

    async def forget(self, page: PageId, /) -> None:
        """Stop checking this Page."""
        ...

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Count the Page's token among those that end at this time; None for a token without an end."""
        ...

    async def outage(self) -> Outage | None:
        """Returns the last outage."""
        ...


class Heals(Protocol):
    """The records of the Pages' healing."""

    async def read(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """Returns the last run and the refused conversations, or None if there are none."""
        ...

    async def write(self, shop: ShopId, page: PageId, heal: Heal, visited: list[str], /) -> None:
        """Record the healing, and the conversations that the run has visited since the last call."""
        ...

    async def visited(self, shop: ShopId, page: PageId, heal: Heal, conversations: list[str], /) -> set[str]:
        """Returns the conversations that this run has visited."""
        ...


class Grants(Protocol):
    """Records which person granted a Page's token. The entry is deleted when the Page is not watched any more."""

    async def granted(self, page: PageId, person: str | None, at_ms: int, /) -> None:
        """Record that the Page's current token came from this person; None if the person is not known."""
        ...

    async def still_granted(self, page: PageId, person: str, at_ms: int, /) -> None:
        """Record that this person granted the token. A time that is already recorded for this person stays."""
        ...


class Purger(Protocol):
    """Disconnects Pages."""

    async def purge_page(
        self, shop: ShopId, page: PageId, by: str, /, *, without_token: bool = False, limited: bool = True
    ) -> Receipt:
        """Disconnect the Page, delete its token and purge its messages. Raises kind not_found; conflict if the Page
        has a token and `without_token` is true.
        """
        ...
