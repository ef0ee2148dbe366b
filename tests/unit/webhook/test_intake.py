"""The story of a delivery over fakes of its three Protocols: what is asked of whom, and what fails the request."""

import asyncio
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
from tests.support import wait_until
from webhook.errors import PayloadRefused, SignatureRefused
from webhook.intake import Intake
from webhook.signature import sign

SECRET = Secret("an-app-secret")
PAGE, OTHER_PAGE, CUSTOMER = PageId("104200000000001"), PageId("104200000000002"), Psid("7000000000000001")
SHOP, OTHER_SHOP = ShopId("sokha"), ShopId("dara")
NOW = 1_770_000_000_000


class FakeStore:
    """Keeps what it is given for the Pages it knows; `fails` names the shops whose puts fail."""

    def __init__(self, pages: dict[PageId, ShopId]) -> None:
        self.pages = pages
        self.kept: list[tuple[ShopId, MessageId]] = []
        self.puts: list[ShopId] = []
        self.fails: dict[ShopId, Exception] = {}
        self.gates: dict[ShopId, asyncio.Event] = {}
        self.full: Exception | None = None

    def admit(self) -> None:
        """Refuse where it is told to."""
        if self.full is not None:
            raise self.full

    async def put(self, shop: ShopId, events: Sequence[Storable]) -> list[Outcome]:
        """Store; wait first where the shop has a gate."""
        self.puts.append(shop)
        if shop in self.gates:
            await self.gates[shop].wait()
        if shop in self.fails:
            raise self.fails[shop]
        outcomes: list[Outcome] = []
        for event in events:
            known = self.pages.get(event.page) == shop
            outcomes.append("stored" if known else "unknown_page")
            if known:
                self.kept.append((shop, event.id))
        return outcomes

    def put_soon(self, shop: ShopId, messages: Sequence[Storable], settle: Settle) -> None:
        """The same, soon."""
        raise NotImplementedError


class FakeOwners:
    """Answers from a dict and notes what it was asked; the answer is what was true when it was asked."""

    def __init__(self, pages: dict[PageId, ShopId]) -> None:
        self.pages = pages
        self.asked: list[PageId] = []
        self.gate: asyncio.Event | None = None

    async def owner(self, page: PageId) -> ShopId | None:
        """Whose Page it is."""
        self.asked.append(page)
        found = self.pages.get(page)
        if self.gate is not None:
            await self.gate.wait()
        return found


class FakeTeller:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, notices: Sequence[Notice], /) -> None:
        """By kind."""
        self.told += [notice.kind for notice in notices]


class Setup:
    """An intake over all three."""

    def __init__(self, pages: dict[PageId, ShopId] | None = None, *, routes_remembered: int = 100) -> None:
        pages = {PAGE: SHOP} if pages is None else pages
        self.store, self.owners = FakeStore(pages), FakeOwners(pages)
        self.registry = CollectorRegistry()
        self.teller = FakeTeller()
        self.intake = Intake(
            self.store,
            self.owners,
            self.teller,
            Metrics(self.registry),
            app_secrets=[SECRET],
            routes_remembered=routes_remembered,
        )

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


async def test_a_signed_message_of_a_connected_page_is_put_for_its_shop() -> None:
    """And counted by kind and outcome."""
    setup = Setup()
    assert await setup.take(said(PAGE, "m_1", "m_2")) == {"stored": 2}
    assert setup.store.kept == [(SHOP, "m_1"), (SHOP, "m_2")]
    assert setup.counted("message", "stored") == 2


async def test_a_page_is_looked_up_once_and_its_shop_remembered() -> None:
    """The registry is asked for a busy Page once, not for every message."""
    setup = Setup()
    for number in range(3):
        await setup.take(said(PAGE, f"m_{number}"))
    assert setup.owners.asked == [PAGE]


async def test_an_unknown_page_is_counted_and_not_remembered() -> None:
    """Asked once per delivery; connected a moment later, its next message is stored."""
    setup = Setup({})
    assert await setup.take(said(PAGE, "m_1", "m_2")) == {"unknown_page": 2}
    assert setup.owners.asked == [PAGE]
    assert setup.store.puts == []
    assert setup.intake._routes == {}, "a stranger's Pages take no room"
    setup.owners.pages[PAGE] = SHOP
    assert await setup.take(said(PAGE, "m_3")) == {"stored": 1}
    assert setup.store.kept == [(SHOP, "m_3")]


async def test_a_stale_route_is_looked_up_once_more_and_loses_no_message() -> None:
    """The Page has moved to another shop since; all of its messages in the delivery go there."""
    setup = Setup()
    await setup.take(said(PAGE, "m_1"))
    setup.store.pages[PAGE] = OTHER_SHOP
    assert await setup.take(said(PAGE, "m_2", "m_3", "m_4")) == {"stored": 3}
    assert setup.store.kept[1:] == [(OTHER_SHOP, mid) for mid in ("m_2", "m_3", "m_4")]
    assert setup.owners.asked == [PAGE, PAGE]
    assert setup.counted("message", "unknown_page") == 0


async def test_two_deliveries_that_meet_one_stale_route_lose_nothing() -> None:
    """Both are refused by the old shop; the second learns it when the first has forgotten the route already."""
    setup = Setup()
    await setup.take(said(PAGE, "m_1"))
    setup.store.pages[PAGE] = OTHER_SHOP
    setup.store.gates[SHOP], setup.owners.gate = asyncio.Event(), asyncio.Event()
    both = asyncio.gather(setup.take(said(PAGE, "m_2")), setup.take(said(PAGE, "m_3")))
    await wait_until(lambda: len(setup.store.puts) == 3)
    setup.store.gates[SHOP].set()
    await wait_until(lambda: len(setup.owners.asked) >= 2)
    setup.owners.gate.set()
    assert list(await both) == [{"stored": 1}, {"stored": 1}]
    assert sorted(setup.store.kept[1:]) == [(OTHER_SHOP, "m_2"), (OTHER_SHOP, "m_3")]


async def test_a_page_that_its_shop_refuses_again_is_unknown() -> None:
    """The claim is there and the shop's record is not: two looks, then counted, and no third."""
    setup = Setup()
    setup.store.pages = {}
    assert await setup.take(said(PAGE, "m_1")) == {"unknown_page": 1}
    assert setup.store.puts == [SHOP, SHOP]
    assert setup.counted("message", "unknown_page") == 1


async def test_one_shops_failure_fails_the_request_after_all_have_settled() -> None:
    """Facebook is asked to deliver again, and nothing of this delivery is left running behind the answer."""
    setup = Setup({PAGE: SHOP, OTHER_PAGE: OTHER_SHOP})
    setup.store.fails[SHOP] = Unavailable("queue_full", retry_after=2)
    setup.store.gates[OTHER_SHOP] = asyncio.Event()
    request = asyncio.ensure_future(setup.take(said(PAGE, "m_1"), said(OTHER_PAGE, "m_2")))
    await wait_until(lambda: len(setup.store.puts) == 2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not request.done()
    setup.store.gates[OTHER_SHOP].set()
    with pytest.raises(Unavailable) as refusal:
        await request
    assert refusal.value.reason == "queue_full"
    assert setup.store.kept == [(OTHER_SHOP, "m_2")]


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
    assert setup.owners.asked == []


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
    assert setup.owners.asked == []


async def test_the_memory_of_routes_is_bounded() -> None:
    """The oldest goes first, and costs one more look when it comes back."""
    pages = [PageId(str(number)) for number in (1, 2, 3)]
    setup = Setup(dict.fromkeys(pages, SHOP), routes_remembered=2)
    for page in (*pages, pages[2], pages[0]):
        await setup.take(said(page, f"m_{page}"))
    assert setup.owners.asked == [*pages, pages[0]]


async def test_what_is_stored_of_a_large_delivery_stays_when_the_rest_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put in parts; the redelivery puts the same parts again, which the store knows as duplicates."""
    setup = Setup()
    mids = [f"m_{number}" for number in range(2_001)]
    whole_put = setup.store.put

    async def put(shop: ShopId, events: Sequence[Storable]) -> list[Outcome]:
        if len(setup.store.puts) == 3:
            raise Unavailable("queue_full")
        return await whole_put(shop, events)

    with monkeypatch.context() as full:
        full.setattr(setup.store, "put", put)
        with pytest.raises(Unavailable):
            await setup.take(said(PAGE, *mids))
    assert [mid for _, mid in setup.store.kept] == mids[: len(setup.store.kept)]
    assert 0 < len(setup.store.kept) < len(mids)

    setup.store.kept.clear()
    assert await setup.take(said(PAGE, *mids)) == {"stored": len(mids)}
    assert [mid for _, mid in setup.store.kept] == mids
