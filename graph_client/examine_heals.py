"""The findings of `page-inbox doctor` about conversations that Facebook refuses while a Page is healed."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from domain.errors import PageInboxError
from domain.finding import Finding
from domain.heal import Heal
from domain.ids import PageId, ShopId


class Registry(Protocol):
    """Knows the shop of a Page. Raises kind unavailable if the store is unavailable."""

    async def owner(self, page: PageId, /) -> ShopId | None:
        """Returns the shop of a Page."""
        ...


class Heals(Protocol):
    """The records of the Pages' healing. Raises kind unavailable if the store is unavailable."""

    async def read(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """Returns the last run and the refused conversations, or None if there are none."""
        ...


async def examine_heals(pages: Iterable[PageId], owners: Registry, records: Heals) -> AsyncIterator[Finding]:
    """Yield a warning for each Page with refused conversations. Facebook is not asked."""
    for page in pages:
        try:
            shop = await owners.owner(page)
            heal = None if shop is None else await records.read(shop, page)
        except PageInboxError:
            continue  # the finding about the Page itself reports this
        if heal is not None and heal.unhealed:
            reasons = Counter(entry.reason for entry in heal.unhealed)
            counts = ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
            sentence = f"Facebook refuses {len(heal.unhealed)} of the conversations of this Page of {shop}: {counts}."
            remedy = (
                "The running service tries them again. `GET pages/{page}` lists them; "
                f"`page-inbox pages heal --wait --shop {shop} {page}` tries at once."
            )
            yield Finding("unhealed", "warn", sentence, remedy, page)
