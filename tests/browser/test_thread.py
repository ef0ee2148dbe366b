"""A conversation on the screen: its newest message stays visible, and its pictures are whole."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.console import (
    LOOKS,
    PATIENCE,
    WORDS,
    Console,
    messages,
    open_conversation,
    part,
    stumbles,
)
from tests.callers import text_part
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

CDN: Final = "https://scontent.xx.fbcdn.net"
SLIP: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="1300"><rect width="600" height="1300" fill="#fff"/>'
    '<rect width="600" height="90" fill="#0a6"/><rect y="1210" width="600" height="90" fill="#c33"/></svg>'
)
"""A picture of a payment slip: its head is green and its foot is red."""

AT_THE_END: Final = "(box) => box.scrollHeight - box.scrollTop - box.clientHeight <= 1"
"""A script that returns whether the last message of a thread is in view."""


WIDTH_SOON: Final = """async (one, least) => {
    while (one.clientWidth < least) await new Promise(requestAnimationFrame);
    return true;
}"""
"""A script that waits until an element has this width."""


def image(number: int) -> dict[str, Any]:
    """Returns a picture at Facebook."""
    return {"type": "image", "payload": {"url": f"{CDN}/{number}.jpg"}}


async def signed_in(console: Console, answer: Any, language: str = "en", size: str = "wide") -> Page:
    """Returns the console. `answer` replies to each request to Facebook's server of pictures."""
    console.allowed.add(CDN)
    page = await console.window(language, size)
    await page.route(f"{CDN}/**", answer)
    await page.goto(f"{console.address}#token={console.owner.token()}")
    return page


async def slip(route: Route) -> None:
    """Answer with the picture of the slip."""
    await route.fulfill(body=SLIP, content_type="image/svg+xml")


async def test_a_thread_stays_at_its_newest_message_while_pictures_load(console: Console) -> None:
    """The newest message stays visible even if a picture loads late. No message moves when a picture loads."""
    fill = [text_part(f"m_{number}", f"text {number}", page=console.owner.page.id) for number in range(20)]
    console.owner.delivers(*fill, *(part(console, f"m_p{n}", attachments=[image(n)]) for n in range(4)))
    console.owner.hears("m_last", "is it paid?")
    gate = asyncio.Event()

    async def later(route: Route) -> None:
        await gate.wait()
        await slip(route)

    page = await signed_in(console, later)
    await open_conversation(page)
    box = page.locator(".thread-scroll")
    await expect(messages(page)).to_have_count(25)
    height = await box.evaluate("(box) => box.scrollHeight")
    gate.set()
    await expect(page.locator(".photo").last).to_have_js_property("naturalWidth", 600)
    assert await box.evaluate("(box) => box.scrollHeight") == height
    await wait_until(lambda: box.evaluate(AT_THE_END))


async def test_a_button_counts_new_messages_below_and_scrolls_to_them(console: Console) -> None:
    """A reader who has scrolled up stays at that place."""
    console.owner.delivers(*(text_part(f"m_{n}", f"text {n}", page=console.owner.page.id) for n in range(40)))
    page = await console.open()
    await open_conversation(page)
    await expect(page.locator(".connection.live")).to_be_visible()
    box, button = page.locator(".thread-scroll"), page.locator(".to-newest")
    await expect(button).to_have_count(0)
    await box.evaluate("(box) => { box.scrollTop = 300; }")
    await expect(button).to_have_text(WORDS["en"]["thread.newest"])
    console.owner.hears("m_new", "are you there?")
    await expect(button).to_have_text("1 new message")
    assert await box.evaluate("(box) => box.scrollTop") == 300
    assert await stumbles(page) == []
    await button.click()
    await expect(button).to_have_count(0)
    await wait_until(lambda: box.evaluate(AT_THE_END))
    console.owner.hears("m_newer", "hello?")
    await expect(messages(page).last).to_contain_text("hello?")
    await wait_until(lambda: box.evaluate(AT_THE_END))


async def test_the_buttons_of_an_album_are_beside_its_pictures(console: Console) -> None:
    """The buttons are beside the pictures even if the order takes a part of the width."""
    console.owner.delivers(part(console, "m_1", attachments=[image(n) for n in range(1, 4)]))
    page = await signed_in(console, slip)
    await open_conversation(page)
    await page.locator(".pick").press("Enter")
    await expect(page.locator(".order-photo")).to_have_count(3)
    right = "(all) => Math.max(...all.map((one) => one.getBoundingClientRect().right))"
    left = "(one) => one.getBoundingClientRect().left"
    assert await page.locator(".message .photo-place").evaluate_all(right) <= await page.locator(".pick").evaluate(left)


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_a_picture_is_shown_whole_and_opens_on_the_full_screen(
    console: Console, language: str, size: str
) -> None:
    """The head and the foot of the slip are visible. Keys zoom, show the next picture, and close. A link saves the
    picture."""
    words = WORDS[language]
    console.owner.delivers(
        part(console, "m_1", attachments=[image(1)]), part(console, "m_2", attachments=[image(n) for n in range(2, 9)])
    )
    page = await signed_in(console, slip, language, size)
    await open_conversation(page)
    await expect(page.locator(".photo")).to_have_count(8)
    fits = "(all) => all.map((one) => getComputedStyle(one).objectFit)"
    assert set(await page.locator(".photo").evaluate_all(fits)) == {"contain"}
    assert await stumbles(page) == []
    await page.get_by_role("button", name=words["picture.open"]).first.click()
    dialog, picture = page.get_by_role("dialog"), page.locator(".viewer-picture")
    await expect(picture).to_have_attribute("src", f"{CDN}/1.jpg")
    assert await stumbles(page) == []
    before = await picture.evaluate("(one) => one.clientWidth")
    await page.keyboard.press("+")
    assert await picture.evaluate(WIDTH_SOON, before * 1.9)
    await page.keyboard.press("0")
    await page.keyboard.press("ArrowRight")
    await expect(picture).to_have_attribute("src", f"{CDN}/2.jpg")
    save = dialog.get_by_role("link", name=words["picture.save"])
    await expect(save).to_have_attribute("href", f"{CDN}/2.jpg?dl=1")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def test_a_sticker_that_is_sent_as_an_image_is_small(console: Console) -> None:
    """The sticker does not open on the full screen."""
    payload = {"url": f"{CDN}/sticker.png", "sticker_id": 369239263222822}
    console.owner.delivers(part(console, "m_1", attachments=[{"type": "image", "payload": payload}]))
    page = await signed_in(console, slip)
    await open_conversation(page)
    sticker = page.locator(".message img")
    await expect(sticker).to_be_visible()
    assert await sticker.evaluate("(one) => one.clientHeight") <= 130
    await expect(page.locator(".photo-place")).to_have_count(0)


async def test_short_messages_of_one_side_are_grouped(console: Console) -> None:
    """Messages within minutes have one time below them. The first message of a day has the day above it."""
    now = int(time.time() * 1000)
    minute = 60_000
    moments = [now - 20 * minute, now - 19 * minute, now - 18 * minute, now - 2 * minute]
    page_id = console.owner.page.id
    console.owner.delivers(*(text_part(f"m_{n}", f"text {n}", page=page_id, at=at) for n, at in enumerate(moments)))
    # A time zone where it is noon, so that all messages are of one day. The sign is as in POSIX.
    page = await console.open(timezone_id=f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")
    await open_conversation(page)
    await expect(messages(page)).to_have_count(4)
    times = [await messages(page).nth(place).locator("time").count() for place in range(4)]
    assert times == [0, 0, 1, 1]
    days = WORDS["en"]["left.days"]["other"].format(n=5)
    await expect(page.get_by_text(days)).to_have_count(1)
    await expect(page.locator(".day")).to_contain_text(days)


async def test_numerals_are_latin_until_the_reader_chooses_khmer_ones(console: Console) -> None:
    """The choice stays in the browser."""
    words = WORDS["km"]
    console.owner.hears("m_1", "hello")
    page = await console.open("km")
    await open_conversation(page)
    await expect(page.locator(".thread-who")).to_contain_text(words["thread.count"]["other"].format(n="1"))
    await page.get_by_role("button", name=words["view.shop"], exact=True).click()
    await page.get_by_label(words["settings.numerals"]).select_option("khmer")
    assert await stumbles(page) == []
    await page.reload()
    await page.get_by_role("button", name=words["view.inbox"], exact=True).click()
    await open_conversation(page)
    await expect(page.locator(".thread-who")).to_contain_text(words["thread.count"]["other"].format(n="១"))
