"""What `examine` reports about the app and the Pages, for every answer of Facebook and without an answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httpcore2
import httpx2
import pytest

from domain.errors import PageInboxError
from domain.finding import Finding, Level
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState
from graph_client import examine
from graph_client.client import Client
from graph_client.errors import GraphTimeout, GraphUnreachable, Throttled, TokenDead
from graph_client.examine import AT_ONCE, GIVE_UP, examine_app, examine_pages
from graph_client.fields import FIELDS
from graph_client.page_setup import PageSetup
from graph_client.token_facts import TokenFacts
from tests.unit.graph_client.fakes import ALIVE, CREDENTIALS, SHOP, WORDS, Network, NoStore, ok, refused

APP, FIRST, SECOND = "200000000000001", Secret("first-app-secret"), Secret("second-app-secret")
ME = PageId("1")


async def of_app(*answers: httpx2.Response | Exception) -> list[tuple[str, Level]]:
    """Returns the findings in the order of the secrets. No address and no finding contains a secret."""
    left = list(answers)

    async def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == f"/v26.0/{APP}"
        assert not [secret for secret in (FIRST, SECOND) if secret.reveal() in str(request.url)]
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def make_client(secret: Secret) -> Client:
        return Client(
            base_url="https://graph.example", version="v26.0", app_secret=secret, now=lambda: 1.77e9,
            network=Network(answer),
        )  # fmt: skip

    secrets = (FIRST, SECOND)[: len(answers)]
    findings = [finding async for finding in examine_app(APP, secrets, make_client)]
    for finding in findings:
        assert not [one for one in (WORDS, FIRST.reveal(), SECOND.reveal()) if one in f"{finding}"]
        assert bool(finding.remedy) == (finding.level != "ok")
    return [(finding.about, finding.level) for finding in findings]


NAMES = ("the first of FACEBOOK_APP_SECRET", "FACEBOOK_APP_SECRET, number 2")


async def test_an_app_with_correct_secrets_is_ok() -> None:
    """The finding is "ok" for each of the app's secrets."""
    assert await of_app(ok({"id": APP}), ok({"id": APP})) == [(name, "ok") for name in NAMES]


async def test_a_wrong_first_secret_fails_and_another_wrong_secret_warns() -> None:
    """The first secret signs calls. Another secret may be one that Facebook has retired."""
    assert await of_app(refused(190), ok({"id": APP})) == [(NAMES[0], "fail"), (NAMES[1], "ok")]
    assert await of_app(ok({"id": APP}), refused(190)) == [(NAMES[0], "ok"), (NAMES[1], "warn")]
    assert await of_app(refused(101)) == [(NAMES[0], "fail")]


async def test_an_outage_is_reported_once() -> None:
    """Each further question to Facebook would wait for its whole time limit too."""
    assert await of_app(httpcore2.ConnectError("no"), ok()) == [(NAMES[0], "fail")]


async def test_a_used_up_budget_is_only_a_warning() -> None:
    """The warning is about the used-up budget. It does not say that the secret is wrong."""
    assert await of_app(refused(4)) == [(NAMES[0], "warn")]


@dataclass
class Setup(NoStore):
    """Pages as the registry knows them, and what Facebook says of each."""

    known: dict[PageId, Credentials | PageInboxError | None] = field(default_factory=dict)
    says: dict[PageId, Callable[[], tuple[str, ...]]] = field(default_factory=dict)
    fields: tuple[str, ...] = FIELDS
    asked: list[PageId] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def owner(self, page: PageId, /) -> ShopId | None:
        return SHOP if page in self.known else None

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        return Page(page, 1_770_000_000_000, 1_770_000_000_000, ALIVE)

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        found = self.known[page]
        if isinstance(found, PageInboxError):
            raise found
        return found

    async def inspect(self, token: Secret, page: PageId, /) -> TokenFacts:
        self.asked.append(page)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.sleep(0)
            return TokenFacts(self.says.get(page, tuple)(), None)
        finally:
            self.at_once -= 1

    async def subscribed_fields(self, shop: ShopId, page: PageId, /) -> tuple[str, ...]:
        return self.fields

    async def found(self, *, ask_facebook: bool = True) -> dict[str, Finding]:
        """Returns the findings by Page, without any token."""
        pages = list(self.known)
        facebook = cast("PageSetup", self)
        findings = [one async for one in examine_pages(pages, self, facebook, now=lambda: 0, ask_facebook=ask_facebook)]
        assert len(findings) == len(pages)
        for finding in findings:
            assert CREDENTIALS.token.reveal() not in f"{finding}"
            assert bool(finding.remedy) == (finding.level != "ok")
        return {finding.about: finding for finding in findings}


def raising(error: PageInboxError) -> Callable[[], tuple[str, ...]]:
    """Returns a function that raises this error, as Facebook's answer."""

    def raises() -> tuple[str, ...]:
        raise error

    return raises


class Broken(PageInboxError):
    """The error of a token that cannot be opened."""

    kind = "conflict"


DEAD = Credentials(CREDENTIALS.token, b"seal", PageState(1, token_alive=False, reason="expired"))


@pytest.mark.parametrize(
    ("known", "says", "fields", "level", "word", "asked"),
    [
        (CREDENTIALS, tuple, FIELDS, "ok", "token alive", True),
        (CREDENTIALS, tuple, (), "fail", "delivers none", True),
        (CREDENTIALS, tuple, ("messages",), "warn", "standby", True),
        (CREDENTIALS, lambda: ("pages_read_user_content",), FIELDS, "warn", "pages_read_user_content", True),
        (CREDENTIALS, raising(TokenDead("role_lost")), FIELDS, "fail", "role", True),
        (CREDENTIALS, raising(Throttled("pages", retry_after=60)), FIELDS, "warn", "Not known", True),
        (CREDENTIALS, raising(GraphTimeout()), FIELDS, "warn", "Not known", True),
        (None, tuple, FIELDS, "ok", "webhooks alone", False),
        (DEAD, tuple, FIELDS, "fail", "expired", False),
        (Broken("reconnect_page", "Not opened."), tuple, FIELDS, "fail", "Not opened", False),
    ],
)
async def test_a_finding_reports_the_state_of_a_page(
    known: Credentials | PageInboxError | None,
    says: Callable[[], tuple[str, ...]],
    fields: tuple[str, ...],
    level: Level,
    word: str,
    asked: bool,
) -> None:
    """Facebook is not asked with a dead token or without a token."""
    setup = Setup({ME: known}, {ME: says}, fields)
    finding = (await setup.found())[ME]
    assert (finding.name, finding.level, word in finding.sentence) == ("page", level, True), finding
    assert (setup.asked == [ME]) is asked


async def test_without_facebook_the_findings_come_from_the_last_check() -> None:
    """The findings come from the last check."""
    setup = Setup({ME: CREDENTIALS, PageId("2"): None, PageId("3"): DEAD})
    told = await setup.found(ask_facebook=False)
    assert [told[page].level for page in setup.known] == ["warn", "ok", "fail"]
    assert setup.asked == []


async def test_only_a_few_pages_are_checked_at_the_same_time() -> None:
    """In the end every Page is checked."""
    setup = Setup({PageId(str(n)): CREDENTIALS for n in range(50)})
    assert {finding.level for finding in (await setup.found()).values()} == {"ok"}
    assert len(setup.asked) == 50
    assert setup.most_at_once == AT_ONCE


async def test_an_outage_ends_the_checks_and_every_page_still_has_a_finding() -> None:
    """For a thousand Pages, a thousand time limits in a row would take too long."""
    pages = [PageId(str(n)) for n in range(50)]
    setup = Setup(dict.fromkeys(pages, CREDENTIALS), dict.fromkeys(pages, raising(GraphUnreachable())))
    assert {finding.level for finding in (await setup.found()).values()} == {"warn"}
    assert GIVE_UP <= len(setup.asked) <= GIVE_UP + AT_ONCE


async def test_a_page_whose_checks_hang_has_a_failed_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """One time limit covers all questions about a Page."""
    monkeypatch.setattr(examine, "PAGE_SECONDS", 0.01)

    class Hanging(Setup):
        async def subscribed_fields(self, shop: ShopId, page: PageId, /) -> tuple[str, ...]:
            await asyncio.Event().wait()
            return ()

    finding = (await Hanging({ME: CREDENTIALS}).found())[ME]
    assert (finding.level, "too long" in finding.sentence) == ("fail", True)
