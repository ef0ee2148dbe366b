"""A shop connects its first Page, sees its history come, loses the Page's token, and connects the Page again."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from domain.ids import Psid
from domain.secret import Secret
from simulator.graph_faults import Stalls
from simulator.graph_gate import Barrier
from simulator.graph_world import SCOPES
from tests.browser.console import LOCALES, PATIENCE, WORDS, Console, Owner, messages, rows, stumbles
from tests.facebook import new_page
from tests.graph import FakeGraph, now
from tests.service import Service

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

MINUTE: Final = 60_000
DAY: Final = 24 * 60 * MINUTE
SOKHA: Final = Psid("7000000000000001")
DARA: Final = Psid("7000000000000002")
AT_ONCE: Final = 250
"""Messages that are stored together. The store has the progress after that, and not before."""


@pytest.fixture(params=LOCALES)
def language(request: pytest.FixtureRequest) -> str:
    """Returns the language of the newcomer's browser."""
    spoken: str = request.param
    return spoken


@pytest.fixture
def newcomer(service: Service, language: str) -> Iterator[Owner]:
    """Yields a shop without a Page."""
    with Owner(service.url, f"newcomer-{language}") as shop:
        yield shop


async def view(page: Page, language: str, name: str) -> None:
    """Go to a view of the console."""
    await page.get_by_role("navigation").get_by_role("button", name=WORDS[language][f"view.{name}"]).click()


async def test_a_new_shop_connects_a_page_loses_its_token_and_connects_again(
    browser: Browser, newcomer: Owner, graph: FakeGraph, language: str
) -> None:
    """The messages of five days come, and the page shows the progress. A dead token is a warning until the Page is
    connected again."""
    words = WORDS[language]
    console = Console(browser, newcomer)
    page = await console.open(language)
    await expect(page.get_by_text(words["inbox.empty"], exact=True)).to_be_visible()

    shop_page = newcomer.page = new_page(graph.world)
    for days in (4, 3, 2):
        graph.world.say(shop_page, DARA, f"{days} days ago", at=now() - days * DAY, name="Dara")
    for number in range(AT_ONCE):
        graph.world.say(shop_page, SOKHA, f"question {number}", at=now() - 30 * MINUTE + number * 1000)
    graph.world.say(shop_page, DARA, "6 days ago", at=now() - 6 * DAY)
    held = Barrier()
    of_dara = f"{shop_page.conversations[DARA].id}/messages"
    graph.faults.script(of_dara, Stalls(held), times=None)
    newcomer.bring(shop_page, history=True)

    await view(page, language, "shop")
    line = page.locator(".page-line")
    progress = words["pages.healing.progress"].format(conversations=1, messages=AT_ONCE)
    await expect(line).to_contain_text(progress)
    assert await stumbles(page) == []
    held.open()
    await expect(line.locator(".healing")).to_have_count(0)
    await expect(line.locator(".state")).to_have_text([words["pages.connected"]])

    await view(page, language, "inbox")
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page)).to_contain_text(["question 249", "2 days ago"])
    await expect(page.locator(".badge")).to_have_count(0)
    await rows(page).nth(1).click()
    await expect(messages(page)).to_contain_text(["4 days ago", "3 days ago", "2 days ago"])
    await expect(messages(page)).to_have_count(3)
    await page.go_back()

    graph.world.revoke(shop_page.token)
    await view(page, language, "posts")
    await page.get_by_role("button", name=words["posts.fetch"]).click()
    await expect(page.get_by_role("alert")).to_contain_text(words["problem.reconnect_page"])
    await view(page, language, "shop")
    await expect(line.locator(".state.bad")).to_have_text(words["pages.reconnect"])
    assert await stumbles(page) == []

    token = Secret(f"EAA-newcomer-{language}-2")
    graph.world.add_token(token, "PAGE", page=shop_page.id, scopes=SCOPES)
    assert newcomer.connect_with(shop_page.id, token).status_code == 200
    await view(page, language, "inbox")
    await view(page, language, "shop")
    await expect(line.locator(".state.bad")).to_have_count(0)
    await expect(line.locator(".state").first).to_have_text(words["pages.connected"])
    await view(page, language, "inbox")
    await expect(rows(page)).to_have_count(2)
    await console.close()
    assert console.complaints == []
    assert console.strangers == []
