"""The steps of a delivery: verify, normalize, store, and send to viewers what is not stored.

Facebook is answered 200 only after these steps. Then every message in the body that belongs to a connected Page is
stored.
"""

from collections.abc import Sequence
from typing import Protocol

from domain.event import Notice, Outcome, Settle, Storable
from domain.message import Edit, Message, Unsend
from domain.secret import Secret
from ops.metrics import Metrics
from webhook.normalize import Delivery, normalize
from webhook.signature import verify


class Writer(Protocol):
    """Stores messages."""

    def admit(self) -> None:
        """Raise kind `unavailable` if a new message would wait too long to be stored."""
        ...

    async def put(self, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit and erase. Returns an outcome per event when all of them are done."""
        ...

    def put_soon(self, events: Sequence[Storable], settle: Settle) -> bool:
        """Do the same without waiting. `settle` gets what `put` returns or raises, or `unknown_page` if only `put`
        finds the Page. Returns False if only `put` can store these events. Then `settle` gets nothing.
        """
        ...


class Teller(Protocol):
    """Tells viewers about events that are not stored."""

    def tell(self, notices: Sequence[Notice], /) -> None:
        """Return at once and raise nothing: Facebook waits for the answer, and nothing important depends on this
        call.
        """
        ...


class Intake:
    """Takes in deliveries."""

    def __init__(self, store: Writer, teller: Teller, metrics: Metrics, *, app_secrets: Sequence[Secret]) -> None:
        self._store = store
        self._teller = teller
        self._metrics = metrics
        self._app_secrets = tuple(app_secrets)

    def read(self, body: bytes, signature: bytes | None) -> Delivery:
        """Verify a body and return its content.

        Raises:
            SignatureRefused: the body is not from Facebook.
            PageInboxError: kind `unavailable`: the body is from Facebook, but more arrives than can be stored.
            PayloadRefused: the body is not JSON.
        """
        verify(body, signature, self._app_secrets)
        self._store.admit()
        return normalize(body)

    async def keep(self, delivery: Delivery) -> dict[str, int]:
        """Store the whole delivery. Returns how many events had each outcome.

        Raises:
            PageInboxError: kind `unavailable`: the delivery could not be stored; Facebook will deliver it again.
        """
        outcomes: dict[str, int] = {}
        for notice in delivery.notices:
            self._metrics.event(notice.kind, "not_kept")
            outcomes["not_kept"] = outcomes.get("not_kept", 0) + 1
        for skipped in delivery.skipped:
            self._metrics.event("skipped", skipped.reason)
            outcomes["skipped"] = outcomes.get("skipped", 0) + 1
        if delivery.events:
            found = await self._store.put(delivery.events)
            for event, outcome in zip(delivery.events, found, strict=True):
                self._count(event, outcome, outcomes)
        if delivery.notices:
            # This is the last step. If something cannot be stored, Facebook delivers everything again, and viewers
            # still get it once.
            self._teller.tell(delivery.notices)
        return outcomes

    def put_soon(self, delivery: Delivery, settle: Settle) -> bool:
        """Store a delivery of messages without waiting. `settle` gets the outcomes. Returns False if `keep` is needed.

        Raises:
            PageInboxError: kind `unavailable`: the delivery is refused, and `settle` gets nothing.
        """
        return not delivery.notices and not delivery.skipped and self._store.put_soon(delivery.events, settle)

    def count(self, delivery: Delivery, found: Sequence[Outcome]) -> dict[str, int]:
        """Count the outcomes of such a delivery and return the counts."""
        outcomes: dict[str, int] = {}
        for event, outcome in zip(delivery.events, found, strict=True):
            self._count(event, outcome, outcomes)
        return outcomes

    def _count(self, event: Storable, outcome: Outcome, outcomes: dict[str, int]) -> None:
        self._metrics.event(_kind(event), outcome)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1


def _kind(event: Storable) -> str:
    match event:
        case Message():
            if event.standby:
                return "standby"
            return "echo" if event.direction == "out" else event.kind
        case Edit():
            return "edit"
        case Unsend():
            return "unsend"
