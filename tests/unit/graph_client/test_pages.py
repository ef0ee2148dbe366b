"""Connecting and disconnecting: the order of the steps, and the state after a failed step."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx2
import pytest
from structlog.testing import capture_logs

from domain.ids import PageId, PurgeId, ShopId
from domain.limits import REFUSED_TOKENS, REFUSED_TOKENS_SECONDS, RateReached
from domain.purge import Receipt
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState, PageStatus
from graph_client.claims import Claims
from graph_client.errors import (
    GraphError,
    GraphRefused,
    GraphTimeout,
    GraphUnavailable,
    Throttled,
)
from graph_client.fields import FIELDS, NEEDED_PERMISSIONS, WANTED_PERMISSIONS
from graph_client.page_setup import AppRefused, PageSetup
from graph_client.pages import Pages
from graph_client.schedule import DAY, KEPT, MARGIN, SOON
from graph_client.token_facts import TokenRefused
from tests.unit.graph_client.fakes import APP_TOKEN, PAGE, SHOP, TOKEN, WORDS, Asked, NoStore, Setup, ok, refused

APP, NOW = "200000000000001", 1_770_000_000_000
DEBUG, SUBSCRIPTION = "GET debug_token", f"GET {PAGE}/subscribed_apps"
SUBSCRIBE, UNSUBSCRIBE = f"POST {PAGE}/subscribed_apps", f"DELETE {PAGE}/subscribed_apps"
GOOD: dict[str, Any] = {
    "app_id": APP,
    "type": "PAGE",
    "profile_id": PAGE,
    "is_valid": True,
    "scopes": [*NEEDED_PERMISSIONS, *WANTED_PERMISSIONS],
}
DONE = Receipt(PurgeId("purge-1"), "page", NOW, "owner", complete=True, messages_deleted=3)


@dataclass
class World(NoStore):
    """Registry, watchlist and purger of one Page. `told` records the calls, also those to Facebook."""

    state: PageState | None = None
    setup: Setup = field(default_factory=Setup)
    token: Secret | None = None
    replaced: bool = False
    last_event_at: int | None = None
    granted_by: str | None = "nobody was asked"
    passed: int = 0

    def __post_init__(self) -> None:
        self.facebook = self.setup.facebook
        self.told = self.facebook.told
        self.page_setup = PageSetup(self.setup.calls, app_id=APP, app_token=APP_TOKEN)
        self.pages = Pages(
            self.page_setup,
            self,
            self,
            self,
            self,
            cast("Claims", self),
            missing_settings=(),
            now=lambda: NOW + self.passed,
        )

    def _do(self, what: str, *facts: object) -> None:
        self.told.append(" ".join(map(str, (what, *facts))))

    async def connect(self, shop: ShopId, page: PageId, /) -> Page:
        """Route the Page."""
        self._do("connect")
        return Page(page, NOW - DAY, self.last_event_at, self.state)

    claim = connect

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Returns the Page without changes."""
        return Page(page, NOW, state=self.state)

    async def keep_token(self, shop: ShopId, page: PageId, token: Secret, state: PageState, /) -> Page:
        """Store both."""
        self._do("keep_token")
        self.token, self.state = token, state
        return Page(page, NOW, state=state)

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """Returns the stored credentials."""
        return None if self.token is None or self.state is None else Credentials(self.token, b"seal", self.state)

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Store the state."""
        assert seal == b"seal"
        self._do("note_state")
        self.state = state
        return True

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Record both."""
        self._do("watch", due_ms - NOW, status)

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Do nothing. The integration tests check this."""

    async def forget(self, page: PageId, /) -> None:
        """Record the call."""
        self._do("forget")

    async def granted(self, page: PageId, person: str | None, at_ms: int, /) -> None:
        """Record the person. This step cannot fail in a test."""
        self.granted_by = person

    async def purge_page(
        self, shop: ShopId, page: PageId, by: str, /, *, without_token: bool = False, limited: bool = True
    ) -> Receipt:
        """Record who asked for the purge."""
        assert (without_token, limited) == (False, True)
        self._do("purge", by)
        return DONE

    def will_connect(self, facts: dict[str, Any] = GOOD) -> None:
        """Prepare a Facebook that accepts everything."""
        self.facebook.will(DEBUG, ok({"data": facts}))
        self.facebook.will(SUBSCRIBE, ok({"success": True}))

    async def connected(self, token: Secret | None = TOKEN) -> Page:
        """Connect the Page."""
        return await self.pages.connect(SHOP, PAGE, token)

    async def disconnected(self) -> Receipt:
        """Disconnect the Page."""
        return await self.pages.disconnect(SHOP, PAGE, "owner")


async def never(_: Asked) -> httpx2.Response:
    """Does not answer, like a Facebook that hangs."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def test_a_page_and_its_token_are_stored_before_the_subscription() -> None:
    """With this order no delivery of the Page is lost. If a later step fails, the watch repeats it."""
    world = World()
    world.will_connect()
    page = await world.connected()
    assert world.told == [
        DEBUG,
        "connect",
        "keep_token",
        f"watch {SOON} unsubscribed",
        SUBSCRIBE,
        "note_state",
        "watch 0 connected",
    ]
    assert page.state == PageState(NOW, token_alive=True, subscribed_fields=FIELDS, heal_since=NOW - KEPT)
    assert (page.status, world.token) == ("connected", TOKEN)


async def test_the_history_can_be_left_out() -> None:
    """The service then fetches nothing, and checks the Page after a day."""
    world = World()
    world.will_connect()
    page = await world.pages.connect(SHOP, PAGE, TOKEN, history=False)
    assert page.state is not None
    assert page.state.heal_since is None
    assert world.told[-1] == f"watch {DAY} connected"


@pytest.mark.parametrize(
    ("state", "since"),
    [
        (PageState(NOW - DAY, token_alive=False, reason="expired"), NOW - 3_600_000 - MARGIN),
        (PageState(NOW - DAY, token_alive=True, heal_since=NOW - 7_200_000), NOW - 7_200_000),
        (PageState(NOW - DAY, token_alive=True), None),
    ],
    ids=["dead", "unhealed", "alive"],
)
async def test_a_new_token_heals_messages_missed_while_the_old_token_was_dead(
    state: PageState, since: int | None
) -> None:
    """For some reasons of a token's death, Facebook also ends the subscription. A message that is already stored is
    not stored again.
    """
    world = World(state, last_event_at=NOW - 3_600_000)
    world.will_connect()
    page = await world.connected()
    assert page.state is not None
    assert page.state.heal_since == since
    assert world.told[-1] == f"watch {DAY if since is None else 0} connected"


async def test_the_log_line_of_a_connected_page_has_no_token() -> None:
    """The line has the shop, the Page, and the number of permissions that the token lacks."""
    world = World()
    world.will_connect()
    with capture_logs() as lines:
        await world.connected()
    assert lines == [
        {"event": "page_connected", "log_level": "info", "shop": SHOP, "page": PAGE, "missing_permissions": 0}
    ]


@pytest.mark.parametrize(("told", "fits"), [(PAGE, True), (int(PAGE), True), ("104200000000002", False), (None, False)])
async def test_a_second_call_finds_the_page_of_a_token_that_names_none(told: object, fits: bool) -> None:
    """The service makes one more call, with the token itself."""
    world = World()
    world.will_connect({name: fact for name, fact in GOOD.items() if name != "profile_id"})
    world.facebook.will("GET me", ok({} if told is None else {"id": told}))
    if fits:
        await world.connected()
    else:
        with pytest.raises(TokenRefused) as refusal:
            await world.connected()
        assert refusal.value.reason == "token_of_another_page"
        assert "connect" not in world.told
    assert [one.token for one in world.facebook.asked][:2] == [APP_TOKEN.reveal(), TOKEN.reveal()]


@pytest.mark.parametrize("code", [190, 102, 10, 200])
async def test_a_refused_token_of_the_app_is_an_error_of_the_app(code: int) -> None:
    """An operator must correct the app's settings. The shop cannot help itself with a new connection."""
    world = World()
    world.facebook.will(DEBUG, refused(code))
    with pytest.raises(AppRefused, match="FACEBOOK_APP_ID and FACEBOOK_APP_SECRET") as refusal:
        await world.connected()
    assert (refusal.value.kind, refusal.value.reason) == ("upstream_failed", "app_token_refused")
    assert WORDS not in str(refusal.value)
    assert (world.told, world.setup.deaths) == ([DEBUG], [])


async def test_a_token_that_facebook_does_not_show_belongs_to_another_app() -> None:
    """Facebook then refuses the parameter. The shop must send another token."""
    world = World()
    world.facebook.will(DEBUG, refused(100))
    with pytest.raises(TokenRefused) as refusal:
        await world.connected()
    assert refusal.value.reason == "token_of_another_app"
    assert world.told == [DEBUG]


async def test_a_shop_with_many_refused_tokens_must_wait() -> None:
    """After twenty refused tokens Facebook is not asked again. An outage does not count."""
    world = World()
    for _ in range(REFUSED_TOKENS):
        world.facebook.will(DEBUG, ok({}))
        with pytest.raises(GraphUnavailable):
            await world.connected()
        world.facebook.will(DEBUG, refused(100))
        with pytest.raises(TokenRefused):
            await world.connected()
    asked = len(world.told)
    with pytest.raises(RateReached) as refusal:
        await world.connected()
    assert (refusal.value.reason, refusal.value.retry_after) == ("too_many_refused_tokens", REFUSED_TOKENS_SECONDS)
    assert len(world.told) == asked
    world.passed += REFUSED_TOKENS_SECONDS * 1000
    world.facebook.will(DEBUG, refused(100))
    with pytest.raises(TokenRefused):
        await world.connected()


async def test_an_answer_without_data_about_the_token_is_an_outage() -> None:
    """The service then treats the token neither as good nor as dead."""
    world = World()
    world.facebook.will(DEBUG, ok({}))
    with pytest.raises(GraphUnavailable):
        await world.connected()


async def test_after_a_refused_field_messages_are_subscribed_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After this call, messages arrive even if other fields are refused."""
    monkeypatch.setattr("graph_client.pages.CONNECT_SECONDS", 0.05)
    world = World()
    world.facebook.will(DEBUG, ok({"data": GOOD}))
    world.facebook.will(SUBSCRIBE, refused(100), ok({"success": True}), never)
    with pytest.raises(GraphTimeout):
        await world.connected()
    sent = [one.form["subscribed_fields"] for one in world.facebook.asked if one.form]
    assert sent[:2] == [",".join(FIELDS), "messages"]


@pytest.mark.parametrize("told", [{"success": False}, {}, {"success": None}])
async def test_an_unconfirmed_subscription_is_an_error(told: dict[str, Any]) -> None:
    """Facebook answers the call without an error and without a confirmation."""
    world = World()
    world.facebook.will(DEBUG, ok({"data": GOOD}))
    world.facebook.will(SUBSCRIBE, ok(told))
    with pytest.raises(GraphRefused):
        await world.connected()
    assert world.told[-1] == SUBSCRIBE


async def test_a_throttled_subscription_is_not_retried_with_fewer_fields() -> None:
    """During a rate limit each call would prolong the limit."""
    world = World()
    world.facebook.will(SUBSCRIBE, refused(32))
    with pytest.raises(Throttled):
        await world.page_setup.subscribe(SHOP, PAGE)
    assert world.told == [SUBSCRIBE]


@pytest.mark.parametrize("hangs", [DEBUG, SUBSCRIBE])
async def test_connecting_has_a_deadline_over_all_its_calls(hangs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that were done before the deadline stay done."""
    monkeypatch.setattr("graph_client.pages.CONNECT_SECONDS", 0.05)
    world = World()
    world.facebook.will(hangs, never)
    world.will_connect()
    with pytest.raises(GraphTimeout):
        await world.connected()
    assert (world.token is not None) == (hangs == SUBSCRIBE)


async def test_a_disconnect_continues_if_facebook_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call to Facebook has its own time limit, and the steps after it still run."""
    monkeypatch.setattr("graph_client.pages.UNSUBSCRIBE_SECONDS", 0.02)
    world = World(PageState(NOW, token_alive=True, subscribed_fields=FIELDS))
    world.facebook.will(UNSUBSCRIBE, never)
    with capture_logs() as lines:
        assert await world.disconnected() == DONE
    assert world.told == [UNSUBSCRIBE, "purge owner", "forget"]
    assert [line["reason"] for line in lines if line["event"] == "unsubscribe_failed"] == ["graph_timeout"]


@pytest.mark.parametrize("state", [None, PageState(NOW, token_alive=False)], ids=["only webhooks", "dead"])
async def test_without_a_living_token_facebook_is_not_asked(state: PageState | None) -> None:
    world = World(state)
    assert await world.disconnected() == DONE
    assert world.told == ["purge owner", "forget"]


async def test_a_disconnect_unsubscribes_even_a_page_without_a_known_subscription() -> None:
    """Facebook may have made a subscription that it never confirmed."""
    world = World(PageState(NOW, token_alive=True))
    world.facebook.will(UNSUBSCRIBE, ok({"success": True}))
    await world.disconnected()
    assert world.told[0] == UNSUBSCRIBE


@pytest.mark.parametrize(
    ("apps", "fields"),
    [
        ([{"id": "1", "subscribed_fields": ["feed"]}, {"id": APP, "subscribed_fields": ["messages"]}], ("messages",)),
        ([{"id": int(APP), "subscribed_fields": ["messages", "feed"]}], ("messages", "feed")),
        ([{"id": "1", "subscribed_fields": ["messages"]}], ()),
        ([{"id": APP}], ()),
        ([], ()),
    ],
    ids=["among others", "id as a number", "only others", "without fields", "none"],
)
async def test_only_the_subscription_of_this_app_counts(apps: list[Any], fields: tuple[str, ...]) -> None:
    """Other apps may have subscriptions of the same Page."""
    world = World(replace(PageState(NOW, token_alive=True)))
    world.facebook.will(SUBSCRIPTION, ok({"data": apps}))
    assert await world.page_setup.subscribed_fields(SHOP, PAGE) == fields
    assert world.facebook.asked[0].query["fields"] == "id,subscribed_fields"


async def test_a_refused_check_of_the_subscription_is_an_error() -> None:
    """An error does not say that the subscription is lost."""
    world = World()
    world.facebook.will(SUBSCRIPTION, refused(10))
    with pytest.raises(GraphError):
        await world.page_setup.subscribed_fields(SHOP, PAGE)


@pytest.mark.parametrize(("told", "person"), [({"user_id": "10000000000000042"}, "10000000000000042"), ({}, None)])
async def test_the_person_who_granted_the_token_is_stored_with_it(told: dict[str, Any], person: str | None) -> None:
    """A newer token replaces the person of an older token, also if Facebook names no person."""
    world = World()
    world.will_connect(GOOD | told)
    await world.connected()
    assert world.granted_by == person


async def test_a_connect_without_a_token_keeps_the_earlier_person() -> None:
    """An earlier token and the person who granted it stay."""
    world = World()
    await world.connected(None)
    assert world.granted_by == "nobody was asked"
