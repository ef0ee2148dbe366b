"""The console's look when the reader chooses colours, size or place."""

import pytest
from playwright.async_api import expect

from tests.browser.console import LOOKS, PATIENCE, WORDS, Console, open_conversation, rows, stumbles
from tests.callers import text_part

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

BACKGROUND = "(one) => getComputedStyle(one).backgroundColor"


@pytest.mark.parametrize("language", ["en", "km"])
async def test_the_selection_is_visible_with_forced_colours(console: Console, language: str) -> None:
    """The row, the view and the filter show it. axe finds no fault."""
    for number in range(2):
        console.owner.hears(f"m_{number}", f"call 012 345 67{number}", f"700000000000000{number}")
    page = await console.open(language, forced_colors="active")
    await expect(rows(page)).to_have_count(2)
    await open_conversation(page)
    for chosen, other in (
        (rows(page).first, rows(page).last),
        (page.locator(".tab").first, page.locator(".tab").last),
        (page.locator(".segment").first, page.locator(".segment").last),
    ):
        assert await chosen.evaluate(BACKGROUND) != await other.evaluate(BACKGROUND)
    assert await stumbles(page) == []
    for view in ("posts", "shop"):
        await page.get_by_role("button", name=WORDS[language][f"view.{view}"], exact=True).click()
        assert await stumbles(page) == []


@pytest.mark.parametrize("language", ["en", "km"])
async def test_the_list_is_visible_at_400_percent_zoom(console: Console, language: str) -> None:
    """At 400 percent, a window of 1280 by 800 pixels has room for 320 by 200."""
    for number in range(6):
        console.owner.hears(f"m_{number}", f"text {number}", f"700000000000000{number}")
    page = await console.open(language)
    await page.set_viewport_size({"width": 320, "height": 200})
    await expect(rows(page)).to_have_count(6)
    assert await page.locator(".list-scroll").evaluate("(box) => box.clientHeight") >= 100
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await rows(page).nth(3).scroll_into_view_if_needed()
    await expect(rows(page).nth(3)).to_be_in_viewport()
    assert await stumbles(page) == []


async def test_each_view_keeps_its_own_place(console: Console) -> None:
    """The list and the column of every other view keep the place to which the reader scrolled."""
    parts = [text_part(f"m_{n}", f"text {n}", page=console.owner.page.id, customer=str(7_000 + n)) for n in range(40)]
    console.owner.delivers(*parts)
    page = await console.open()
    await expect(page.locator(".rows > li").first).to_have_attribute("aria-setsize", "40")
    await page.get_by_role("button", name=WORDS["en"]["alerts.no"], exact=True).click()
    listed, column = page.locator(".list-scroll"), page.locator(".column")
    await listed.evaluate("(box) => { box.scrollTop = 700; }")
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    await expect(page.locator(".panel")).to_have_count(6)
    await column.evaluate("(box) => { box.scrollTop = 250; }")
    await page.get_by_role("button", name=WORDS["en"]["view.posts"], exact=True).click()
    await expect(column).to_have_js_property("scrollTop", 0)
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    await expect(column).to_have_js_property("scrollTop", 250)
    await page.get_by_role("navigation").get_by_role("button", name=WORDS["en"]["view.inbox"]).click()
    await expect(listed).to_have_js_property("scrollTop", 700)


async def test_the_audit_log_lists_the_readers_own_reads_last(console: Console) -> None:
    """The entries are in words, and changes come first."""
    console.owner.hears("m_1", "hello")
    page = await console.open()
    await open_conversation(page)
    console.owner.purge()
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    await page.get_by_role("button", name=WORDS["en"]["audit.show"]).click()
    bodies = page.locator("tbody")
    await expect(bodies).to_have_count(2)
    await expect(bodies.first).to_contain_text(WORDS["en"]["audit.act.purgeMessages"])
    await expect(bodies.first).not_to_contain_text(WORDS["en"]["audit.act.listMessages"])
    await expect(bodies.last).to_contain_text(WORDS["en"]["audit.own"])
    await expect(bodies.last).to_contain_text(WORDS["en"]["audit.act.listMessages"])
    assert await stumbles(page) == []


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_every_state_is_readable_in_the_dark_theme(console: Console, language: str, size: str) -> None:
    """The states are: the thread with an order, the list of keys, the conversations that end tonight, live videos, and
    the settings."""
    words = WORDS[language]
    console.owner.hears("m_1", "2 blue shirts, 012 345 678")
    page = await console.open(language, size, color_scheme="dark")
    await open_conversation(page)
    button = page.locator(".message").get_by_role("button", name=words["order.pick"])
    await button.focus()
    await button.press("Enter")
    await expect(button).to_have_attribute("aria-pressed", "true")
    assert await stumbles(page) == []
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await stumbles(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name=words["tonight"], exact=True).click()
    await expect(page.get_by_text(words["tonight.none"])).to_be_visible()
    assert await stumbles(page) == []
    for view in ("posts", "shop"):
        await page.get_by_role("button", name=words[f"view.{view}"], exact=True).click()
        assert await stumbles(page) == []
