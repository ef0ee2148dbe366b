"""The story of a delivery over fakes of its two Protocols: what is asked of whom, and what fails the request."""

from collections.abc import Sequence

import orjson
import pytest
from prometheus_client.registry import CollectorRegistry

from cache.errors import Unavailable
from domain.event import Notice, Outcome, Settle, Storable
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.secret import Secret
from ops.metrics import Metrics
from simulator.payloads import delivery, entry, from_customer, from_page
from simulator.serialize import Document, serialize
from webhook.errors import PayloadRefused, SignatureRefused
from webhook.intake import Intake
from webhook.signature import sign

SECRET = Secret("an-app-secret")
PAGE, OTHER_PAGE, CUSTOMER = PageId("104200000000001"), PageId("104200000000002"), Psid("7000000000000001")
SHOP, OTHER_SHOP = ShopId("sokha"), ShopId("dara")
NOW = 1_770_000_000_000


class FakeStore:
    """Keeps what it is given for the Pages it knows, or fails."""

    def __init__(self) -> None:
        self.pages = {PAGE}
        self.kept: list[MessageId] = []
        self.puts = 0
        self.fails: Exception | None = None
        self.full: Exception | None = None

    def admit(self) -> None:
        """Refuse where it is full."""
        if self.full is not None:
            raise self.full

    async def put(self, events: Sequence[Storable]) -> list[Outcome]:
        """Store."""
        self.puts += 1
        if self.fails is not None:
            raise self.fails
        self.kept += [event.id for event in events if event.page in self.pages]
        return ["stored" if event.page in self.pages else "unknown_page" for event in events]

    def put_soon(self, events: Sequence[Storable], settle: Settle) -> bool:
        """The same, soon."""
        raise NotImplementedError


class FakeTeller:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, notices: Sequence[Notice], /) -> None:
        """By kind."""
        self.told += [notice.kind for notice in notices]


class Setup:
    """An intake over both."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.registry = CollectorRegistry()
        self.teller = FakeTeller()
        self.intake = Intake(self.store, self.teller, Metrics(self.registry), app_secrets=[SECRET])

    async def take(self, *entries: Document) -> dict[str, int]:
        """Deliver, signed; the outcomes."""
        body = serialize(delivery(entries))
        return await self.deliver(body, sign(body, SECRET))

    async def deliver(self, body: bytes, signature: bytes | None) -> dict[str, int]:
        """Verify a body and keep what is in it; the outcomes."""
        return await self.intake.keep(self.intake.read(body, signature))

    def counted(self, kind: str, outcome: str) -> float:
        """The metric."""
        labels = {"kind": kind, "outcome": outcome}
        return self.registry.get_sample_value("page_inbox_events_total", labels) or 0.0


def said(page: PageId, *mids: str) -> Document:
    return entry(page, NOW, "messaging", [from_customer(page, CUSTOMER, NOW, message={"mid": mid}) for mid in mids])


async def test_a_signed_message_of_a_connected_page_is_put() -> None:
    """And counted by kind and outcome; so is one of a Page that no shop has."""
    setup = Setup()
    assert await setup.take(said(PAGE, "m_1", "m_2"), said(OTHER_PAGE, "m_3")) == {"stored": 2, "unknown_page": 1}
    assert setup.store.kept == ["m_1", "m_2"]
    assert setup.counted("message", "stored") == 2
    assert setup.counted("message", "unknown_page") == 1


async def test_a_failure_fails_the_request_and_counts_nothing() -> None:
    """Facebook is asked to deliver again."""
    setup = Setup()
    setup.store.fails = Unavailable("queue_full", retry_after=2)
    with pytest.raises(Unavailable) as refusal:
        await setup.take(said(PAGE, "m_1"))
    assert refusal.value.reason == "queue_full"
    assert setup.counted("message", "stored") == 0


async def test_what_is_not_kept_and_what_is_not_understood_is_counted_and_fails_nothing() -> None:
    """A read receipt, a broken event and a message in one delivery: the message is stored."""
    setup = Setup()
    parts = [
        from_customer(PAGE, CUSTOMER, NOW, read={"watermark": NOW}),
        from_customer(PAGE, CUSTOMER, NOW, message={"text": "no mid"}),
        from_page(PAGE, CUSTOMER, NOW, message={"mid": "m_1", "is_echo": True}),
    ]
    taken = await setup.take(entry(PAGE, NOW, "messaging", parts))
    assert taken == {"not_kept": 1, "skipped": 1, "stored": 1}
    assert setup.counted("read", "not_kept") == 1
    assert setup.counted("skipped", "no_mid") == 1
    assert setup.counted("echo", "stored") == 1


async def test_nothing_is_parsed_before_it_is_verified() -> None:
    """A forged body that is no JSON is refused for its signature."""
    setup = Setup()
    with pytest.raises(SignatureRefused):
        await setup.deliver(b"no json", sign(b"other", SECRET))
    with pytest.raises(SignatureRefused):
        await setup.deliver(b"no json", None)
    with pytest.raises(PayloadRefused):
        await setup.deliver(b"no json", sign(b"no json", SECRET))
    assert setup.store.puts == 0


async def test_nothing_is_parsed_that_would_wait_too_long() -> None:
    """A store with more than it can take refuses before the work; but nobody learns of it without a signature."""
    setup = Setup()
    setup.store.full = RuntimeError("full")
    with pytest.raises(SignatureRefused):
        await setup.deliver(b"no json", sign(b"other", SECRET))
    with pytest.raises(RuntimeError, match="full"):
        await setup.deliver(b"no json", sign(b"no json", SECRET))


async def test_a_delivery_without_events_asks_nobody() -> None:
    """The dashboard's test, or an empty list: nothing to store, nothing that could fail."""
    setup = Setup()
    body = orjson.dumps({"object": "page", "entry": []})
    assert await setup.deliver(body, sign(body, SECRET)) == {}
    assert setup.store.puts == 0
