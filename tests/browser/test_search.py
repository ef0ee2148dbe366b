"""The service's search over all five days."""

import json
from typing import Any, Final

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.console import LOOKS, PATIENCE, WORDS, Console, messages, rows, stumbles
from tests.callers import text_part

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

EARLY: Final = "7000000000000000"
"""The customer whose conversation is too old for the loaded part of the list."""


async def typed(page: Page, language: str, words: str) -> None:
    """Type these words, and search over five days."""
    await page.get_by_role("searchbox").fill(words)
    await page.get_by_role("button", name=WORDS[language]["search.all"], exact=True).click()


def owner_hears(console: Console) -> None:
    """Send a message with a telephone number, and then enough other messages, so that the list and the thread do
    not show it at first."""
    page = console.owner.page.id
    parts = [text_part("m_wanted", "សំពត់ខៀវ ២ 012 345 678", page=page, customer=EARLY)]
    parts += [text_part(f"m_{n}", f"text {n}", page=page, customer=EARLY) for n in range(60)]
    parts += [text_part(f"m_other_{n}", "hello", page=page, customer=str(7_100 + n)) for n in range(60)]
    for first in range(0, len(parts), 40):
        console.owner.delivers(*parts[first : first + 40])


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_words_are_found_in_all_five_days(console: Console, language: str, size: str) -> None:
    """The search also finds messages that are not loaded. The page says how far the service looked. A press opens the
    message. An erased message disappears."""
    words = WORDS[language]
    owner_hears(console)
    page = await console.open(language, size)
    await expect(page.locator(".rows > li").first).to_have_attribute("aria-setsize", "50")
    await expect(page.locator(".connection.live")).to_be_attached()
    await page.get_by_role("searchbox").fill("០១២-៣៤៥-៦៧៨")
    await expect(page.get_by_text(words["found.none"])).to_be_visible()
    await typed(page, language, "០១២-៣៤៥-៦៧៨")
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("សំពត់ខៀវ")
    looked = words["search.looked"]["other"].format(n=121)
    await expect(page.get_by_role("status").filter(has_text=looked)).to_contain_text(words["search.complete"])
    assert await stumbles(page) == []
    await rows(page).click()
    await expect(messages(page).filter(has_text="សំពត់ខៀវ")).to_be_in_viewport()
    await expect(page.locator(".to-newest")).to_be_visible()
    console.owner.purge("/messages/m_wanted")
    await expect(messages(page).filter(has_text="សំពត់ខៀវ")).to_have_count(0)
    assert "សំពត់ខៀវ" not in await page.content()


async def test_a_long_search_continues_when_the_button_is_pressed(console: Console) -> None:
    """After some thousand messages, the reader decides whether the search continues. Another word ends the search. A
    search for photos needs no word."""
    page = await console.open()
    asked: list[str] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        after = f"c{len(asked)}" if len(asked) < 30 else None
        body: dict[str, Any] = {"messages": [], "next_cursor": after, "looked_at": 1_000}
        await route.fulfill(body=json.dumps(body), content_type="application/json")

    await page.route("**/messages?*", answer)
    await typed(page, "en", "dress")
    further = page.get_by_role("button", name=WORDS["en"]["search.further"], exact=True)
    await expect(further).to_be_enabled()
    status = page.get_by_role("status").filter(has_text="messages searched")
    looked = await status.inner_text()
    assert f"{len(asked)},000".replace(",", "") in looked
    assert len(asked) < 30
    await further.click()
    await expect(status).to_contain_text(WORDS["en"]["search.complete"])
    assert len(asked) == 30
    assert all("q=dress" in url for url in asked)
    await page.get_by_role("searchbox").fill("dresses")
    await expect(status).to_have_count(0)
    await page.get_by_role("searchbox").fill("")
    await page.get_by_label(WORDS["en"]["has"]).select_option("photo")
    await expect(status).to_be_visible()
    assert "has=photo" in asked[-1]
    assert "q=" not in asked[-1]
