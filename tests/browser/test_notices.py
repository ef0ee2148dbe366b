"""A sound and a notification for a new message, and the keys that lead to it."""

from contextlib import suppress

import pytest
from playwright.async_api import Page, expect

from tests.browser.console import LOOKS, PATIENCE, WORDS, Console, messages, rows, stumbles
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

RECORDED = """
    window.tones = 0;
    window.notices = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...all) { window.tones += 1; return start.apply(this, all); };
    window.Notification = class {
        static permission = "default";
        static async requestPermission() { window.asked = (window.asked ?? 0) + 1; return "granted"; }
        constructor(title, options) { this.text = title + " " + options.body; window.notices.push(this); }
        close() { this.closed = true; }
    };
"""
"""Counts tones, and keeps notifications instead of showing them."""


def customer(number: int) -> str:
    """Returns one of several customers."""
    return f"700000000000000{number}"


async def opened(console: Console, conversations: int, language: str = "en", size: str = "wide") -> Page:
    """Returns a window with conversations. The newest conversation has the highest number."""
    for number in range(conversations):
        console.owner.hears(f"m_{number}", f"text {number}", customer(number))
    page = await console.window(language, size)
    await page.add_init_script(RECORDED)
    await page.goto(f"{console.address}#token={console.owner.token()}")
    await expect(rows(page)).to_have_count(conversations)
    await expect(page.locator(".connection.live")).to_be_visible()
    return page


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_sound_and_notification_are_off_until_the_reader_agrees(
    console: Console, language: str, size: str
) -> None:
    """The reader is asked once. The notification has no text of the message, and disappears when the conversation is
    read."""
    words = WORDS[language]
    page = await opened(console, 2, language, size)
    console.owner.hears("m_silent", "canary", customer(0))
    await expect(rows(page).first).to_contain_text("canary")
    assert await page.evaluate("[window.tones, window.notices.length, window.asked ?? 0]") == [0, 0, 0]
    assert await stumbles(page) == []
    await page.get_by_role("button", name=words["alerts.yes"], exact=True).click()
    await expect(page.get_by_text(words["alerts.question"])).to_have_count(0)
    await page.reload()
    await expect(page.locator(".connection.live")).to_be_visible()
    await expect(page.get_by_text(words["alerts.question"])).to_have_count(0)
    console.owner.hears("m_loud", "canary too", customer(1))
    await expect(rows(page).first).to_contain_text("canary too")
    await wait_until(lambda: page.evaluate("window.tones === 2 && window.notices.length === 1"))
    assert "canary" not in await page.evaluate("window.notices[0].text")
    await rows(page).first.click()
    await messages(page).first.wait_for()
    await wait_until(lambda: page.evaluate("window.notices[0].closed"))


async def test_a_refusal_of_notices_is_kept_until_the_reader_changes_it(console: Console) -> None:
    """The reader changes it in the settings of this browser."""
    words = WORDS["en"]
    page = await opened(console, 1)
    await page.get_by_role("button", name=words["alerts.no"], exact=True).click()
    await page.reload()
    await expect(rows(page)).to_have_count(1)
    await expect(page.get_by_text(words["alerts.question"])).to_have_count(0)
    await page.get_by_role("button", name=words["view.shop"], exact=True).click()
    box = page.get_by_label(words["settings.sound"])
    await expect(box).not_to_be_checked()
    await box.check()
    await page.get_by_role("button", name=words["view.inbox"], exact=True).click()
    console.owner.hears("m_loud", "hello", customer(0))
    await expect(rows(page).first).to_contain_text("hello")
    assert await page.evaluate("[window.tones, window.notices.length]") == [2, 0]


async def test_single_keys_move_through_the_conversations(console: Console) -> None:
    """J and K go to the neighbours, N goes to the next conversation with new messages, and ? shows a sheet of all keys.
    The keys do nothing while the reader types."""
    page = await opened(console, 4)
    title = page.locator(".thread-scroll")
    await page.keyboard.press("j")
    await expect(title).to_contain_text("text 3")
    await page.keyboard.press("j")
    await expect(title).to_contain_text("text 2")
    await page.keyboard.press("k")
    await expect(title).to_contain_text("text 3")
    console.owner.hears("m_new", "are you there?", customer(0))
    await expect(page.locator(".row .badge")).to_have_count(1)
    await page.keyboard.press("n")
    await expect(title).to_contain_text("are you there?")
    await expect(page.locator(".row .badge")).to_have_count(0)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text(WORDS["en"]["help.unread"])
    assert await stumbles(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    search = page.get_by_role("searchbox")
    await page.keyboard.press("/")
    with suppress(AssertionError):
        await expect(search).to_be_focused(timeout=3000)
    if not await search.evaluate("field => field === document.activeElement"):
        await page.keyboard.press("/")  # the sheet gave the focus back after the first one
    await expect(search).to_be_focused()
    await page.keyboard.type("jn")
    await expect(page.get_by_role("searchbox")).to_have_value("jn")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("searchbox")).to_have_value("")


async def test_enter_focuses_the_thread_and_esc_focuses_its_row_again(console: Console) -> None:
    """The test uses only the keyboard."""
    page = await opened(console, 3)
    await rows(page).nth(1).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".thread-scroll")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(rows(page).nth(1)).to_be_focused()
