"""The tests check what the watch does with a Page, for each result of its check."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState, PageStatus
from domain.watch import Outage, Within
from graph_client.conversation_calls import StillOurs
from graph_client.errors import GraphUnavailable, Throttled, TokenDead
from graph_client.fields import FIELDS
from graph_client.heal import Healer, TurnResult
from graph_client.heartbeat import Heartbeat
from graph_client.page_setup import PageSetup, Subscription
from graph_client.schedule import DAY, MARGIN, SILENCE
from graph_client.token_facts import TokenFacts
from graph_client.watch import AGAIN, LEASE, Watch
from ops.metrics import Metrics
from tests.unit.graph_client.fakes import NoStore

NOW = 1_770_000_000_000
SHOP, PAGE = ShopId("sokha"), PageId("104200000000001")
ALIVE = PageState(NOW - DAY, token_alive=True, subscribed_fields=FIELDS)


@dataclass
class World(NoStore):
    """Watchlist, registry, Facebook and healer in one. `told` records the calls in order."""

    state: PageState | None = ALIVE
    last_event_at: int | None = None
    fields: tuple[str, ...] = FIELDS
    owned: bool = True
    ended: Outage | None = None
    fails: dict[str, Exception] = field(default_factory=dict)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    due: dict[PageId, int] = field(default_factory=lambda: {PAGE: NOW})
    status: PageStatus | None = None
    resealed: bool = False
    heal_at: int | None = None
    ends: bool = True
    person: str | None = "10000000000000042"
    granted_by: tuple[str, int] | None = None

    def _do(self, what: str, *facts: Any) -> None:
        self.told.append((what, *facts))
        if what in self.fails:
            raise self.fails[what]

    async def take(self, now_ms: int, lease_ms: int, count: int, /) -> list[PageId]:
        """Returns the Page if it is due."""
        taken = [page for page, due in self.due.items() if due <= now_ms][:count]
        self.due |= dict.fromkeys(taken, now_ms + lease_ms)
        return taken

    async def renew(self, page: PageId, until_ms: int, /) -> None:
        """Set the Page's next time."""
        self.due[page] = until_ms

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Record both."""
        self.due[page], self.status = due_ms, status

    async def forget(self, page: PageId, /) -> None:
        """Remove the Page."""
        del self.due[page]

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Do nothing. The integration tests check this."""

    async def expiring(self, now_ms: int, /) -> dict[Within, int]:
        """Returns that there are none."""
        return {}

    async def counts(self) -> dict[PageStatus, int]:
        """Returns a count of one, or no count."""
        return {self.status: 1} if self.status else {}

    async def beat(self, now_ms: int, longest_ms: int, spread_ms: int, /) -> Outage | None:
        """Returns what the test has set."""
        self._do("beat", longest_ms, spread_ms)
        return self.ended

    async def outage(self) -> Outage | None:
        """Returns what the test has set."""
        return self.ended

    async def owner(self, page: PageId, /) -> ShopId | None:
        """Returns the shop while it has the Page."""
        return SHOP if self.owned else None

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Returns the Page without changes."""
        return Page(page, NOW - 9 * DAY, self.last_event_at, self.state)

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """Returns the token."""
        return None if self.state is None else Credentials(Secret("EAA"), b"seal", self.state)

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Store the state."""
        self.state = state
        self._do("noted", state.heal_since, bool(state.subscribed_fields))
        return True

    async def reseal(self, shop: ShopId, page: PageId, credentials: Credentials, /) -> bool:
        """Returns what the test has set."""
        return self.resealed

    async def inspect(self, token: Secret, page: PageId, /) -> TokenFacts:
        """Returns that nothing is missing."""
        self._do("inspect")
        return TokenFacts((), self.person)

    async def still_granted(self, page: PageId, person: str, at_ms: int, /) -> None:
        """Record the person."""
        self.granted_by = person, at_ms

    async def subscribed_fields(self, shop: ShopId, page: PageId, /) -> tuple[str, ...]:
        """Returns what Facebook says."""
        self._do("subscription")
        return self.fields

    async def subscribe(self, shop: ShopId, page: PageId, delivered: tuple[str, ...], /) -> Subscription:
        """Subscribe the Page."""
        self._do("subscribe")
        self.fields = FIELDS
        return Subscription(FIELDS, {})

    async def heal(self, shop: ShopId, page: PageId, since: int | None, still_ours: StillOurs, /) -> TurnResult:
        """Record the time since which messages are missing."""
        await still_ours()
        self._do("heal", since)
        return TurnResult(self.ends, self.heal_at if self.ends else NOW)

    async def next_at(self, shop: ShopId, page: PageId, /) -> int | None:
        """Returns what the test has set."""
        return self.heal_at

    async def unhealed(self) -> int:
        """Returns that there are none."""
        return 0

    async def died(self, shop: ShopId, page: PageId, credentials: Credentials, error: TokenDead) -> None:
        """Record the reason."""
        self._do("died", error.token_reason)

    async def look(self) -> Counter[str]:
        """Let the watch check once. Returns the counts of its calls."""
        for check in await watch(self).begin(8):
            await check
        return Counter(what for what, *_ in self.told)


async def never(_: float) -> None:
    """Fails the test, because no test of the watch sleeps."""
    raise AssertionError("the test runs no loop")


def watch(world: World, metrics: Metrics | None = None) -> Watch:
    """Returns a watch that uses this world."""
    metrics = metrics or Metrics(CollectorRegistry())
    facebook, healer = cast("PageSetup", world), cast("Healer", world)
    return Watch(world, world, facebook, healer, world, metrics, token_died=world.died, now=lambda: NOW, sleep=never)


async def test_a_page_that_is_not_due_causes_no_call() -> None:
    """The Page has had an event since its last check, so its next check is later."""
    world = World(ALIVE, last_event_at=NOW - 1000)
    world.state = replace(ALIVE, checked_at=NOW - 2000)
    assert await world.look() == Counter()
    assert world.due[PAGE] == NOW - 1000 + SILENCE


async def test_a_good_page_is_checked_and_is_due_again_in_a_day() -> None:
    """A check has two calls: for the token and for the subscription."""
    world = World()
    assert await world.look() == Counter(inspect=1, subscription=1, noted=1)
    assert (world.due[PAGE], world.status) == (NOW + DAY, "connected")
    assert world.state is not None
    assert world.state.checked_at == NOW


async def test_missing_messages_are_recorded_before_the_subscription_is_restored() -> None:
    """After a crash between the two steps, the record of the missing messages stays. After a crash behind both, a
    later check fetches them.
    """
    world = World(last_event_at=NOW - DAY, fields=("feed",))
    await world.look()
    since = NOW - DAY - MARGIN
    assert world.told == [
        ("inspect",),
        ("subscription",),
        ("noted", since, True),
        ("subscribe",),
        ("noted", since, True),
        ("heal", since),
        ("noted", None, True),
    ]
    assert world.status == "connected"


@pytest.mark.parametrize("fails", ["subscribe", "heal"])
async def test_a_failed_healing_is_retried_soon(fails: str) -> None:
    """The subscription may fail, or the healing may fail in the middle of the history."""
    world = World(last_event_at=NOW - DAY, fields=(), fails={fails: GraphUnavailable()})
    await world.look()
    assert world.due[PAGE] == NOW + AGAIN
    world.fails.clear()
    world.told.clear()
    world.due[PAGE] = NOW
    assert (await world.look())["heal"] == 1
    assert ("heal", NOW - DAY - MARGIN) in world.told
    assert world.state is not None
    assert world.state.heal_since is None


async def test_a_throttled_page_is_due_when_its_throttle_ends() -> None:
    """The Page is not checked again before the time that Facebook named."""
    world = World(fails={"subscription": Throttled("pages", retry_after=3600)})
    await world.look()
    assert world.due[PAGE] == NOW + 3_600_000


async def test_a_dead_token_is_recorded_and_never_checked_again() -> None:
    """The Page stays on the list, so that it is counted."""
    world = World(fails={"inspect": TokenDead("password_changed")})
    assert await world.look() == Counter(inspect=1, died=1)
    dead = World(replace(ALIVE, token_alive=False))
    assert await dead.look() == Counter()
    assert (dead.due[PAGE], dead.status) == (NOW + DAY, "reconnect")


async def test_a_page_whose_token_cannot_be_decrypted_has_the_status_reconnect() -> None:
    """The key that sealed it is missing, and further checks would not help."""
    world = World(fails={"subscription": TokenDead("no_token")})
    await world.look()
    assert (world.due[PAGE], world.status) == (NOW + DAY, "reconnect")


@pytest.mark.parametrize("gone", [World(owned=False), World(None)], ids=["disconnected", "only webhooks"])
async def test_a_page_without_a_token_leaves_the_list(gone: World) -> None:
    """A Page without a token cannot be checked."""
    await gone.look()
    assert gone.due == {}


async def test_a_page_is_healed_once_from_the_start_of_an_outage() -> None:
    """The Page is healed even if it is subscribed and has a recent event."""
    world = World(last_event_at=NOW - 1000, ended=Outage(NOW - 7_200_000, NOW - 500))
    metrics = Metrics(CollectorRegistry())
    await Heartbeat(world, metrics, now=lambda: NOW, sleep=never).beat()
    assert world.told == [("beat", 30_000, 60_000)]
    world.told.clear()
    assert (await world.look())["heal"] == 1
    assert ("heal", NOW - 7_200_000 - MARGIN) in world.told
    # The Page is healed once, because its last check came after the end of the outage.
    world.told.clear()
    world.due[PAGE] = NOW
    assert (await world.look())["heal"] == 0


async def test_a_page_has_a_lease_while_it_heals() -> None:
    """The lease is renewed before each call."""
    world = World(ended=Outage(NOW - 7_200_000, NOW - 500), fails={"heal": AssertionError("looked at")})
    with pytest.raises(AssertionError, match="looked at"):
        await world.look()
    assert world.due[PAGE] == NOW + LEASE


@pytest.mark.parametrize("person", ["10000000000000042", None])
async def test_a_check_records_the_person_who_granted_the_token(person: str | None) -> None:
    """A Page may have been connected by a version that did not store the person, or the key of the hash may be new."""
    world = World(person=person)
    await world.look()
    assert world.granted_by == (None if person is None else (person, NOW))
