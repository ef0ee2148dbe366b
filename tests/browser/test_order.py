"""The order beside a thread: picked messages, their text, and the ways to copy or send it."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Frame, Page, Route, expect

from tests.browser.console import (
    LOOKS,
    PATIENCE,
    WORDS,
    Console,
    copied_by,
    messages,
    open_conversation,
    part,
    stumbles,
)
from tests.browser.modules import Modules
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

ADDRESS = "https://scontent.xx.fbcdn.net/slip.jpg"
STORAGE = "JSON.stringify([{ ...sessionStorage }, { ...localStorage }])"


def order_comes_in(console: Console) -> None:
    """Send messages of a customer who orders something."""
    console.allowed.add("https://scontent.xx.fbcdn.net")
    place = {"type": "location", "payload": {"coordinates": {"lat": 11.5564, "long": 104.9282}}}
    photo = {"type": "image", "payload": {"url": ADDRESS}}
    console.owner.delivers(
        part(console, "m_1", text="2 blue shirts, size L"),
        part(console, "m_2", text="លេខខ្ញុំ ០១២ ៣៤៥ ៦៧៨"),
        part(console, "m_3", attachments=[place]),
        part(console, "m_4", attachments=[photo]),
        part(console, "m_5", text="thank you"),
    )


async def pick(page: Page | Frame, language: str, *places: int) -> None:
    """Press these messages."""
    for place in places:
        button = messages(page).nth(place).get_by_role("button", name=WORDS[language]["order.pick"])
        await button.focus()
        await button.press("Enter")
        await expect(button).to_have_attribute("aria-pressed", "true")


async def no_picture(route: Route) -> None:
    """Answer with an empty picture, in place of Facebook's server of pictures."""
    await route.fulfill(status=200, body='<svg xmlns="http://www.w3.org/2000/svg"/>', content_type="image/svg+xml")


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_picked_messages_are_gathered_to_an_order(console: Console, language: str, size: str) -> None:
    """The order has texts, number, place and photo, beside the thread or on a sheet. It can be copied as text or as
    JSON, and is not stored."""
    words = WORDS[language]
    order_comes_in(console)
    page = await console.window(language, size, permissions=["clipboard-read", "clipboard-write"])
    await page.route("https://scontent.xx.fbcdn.net/**", no_picture)
    await page.goto(f"{console.address}#token={console.owner.token()}")
    await open_conversation(page)
    await expect(messages(page)).to_have_count(5)
    await pick(page, language, 0, 1, 2, 3)
    if size == "narrow":
        await page.locator(".order-bar").click()
    order = page.get_by_role("dialog") if size == "narrow" else page.locator(".order-pane")
    await expect(order.get_by_role("link", name="012 345 678")).to_have_attribute("href", "tel:+85512345678")
    await expect(order).to_contain_text("11.55640, 104.92820")
    await expect(order.locator(".order-photo")).to_have_count(1)
    assert await stumbles(page) == []
    text = (await copied_by(page, order.get_by_role("button", name=words["order.text"]))).splitlines()
    assert text[1:5] == [
        "012 345 678",
        "https://www.openstreetmap.org/?mlat=11.5564&mlon=104.9282#map=17/11.5564/104.9282",
        "2 blue shirts, size L",
        "លេខខ្ញុំ ០១២ ៣៤៥ ៦៧៨",
    ]
    button = order.get_by_role("button", name=words["order.json"])
    copied: dict[str, Any] = json.loads(await copied_by(page, button))
    assert copied["phone_numbers"] == ["+85512345678"]
    assert copied["photos"] == [ADDRESS]
    assert [one["id"] for one in copied["messages"]] == ["m_1", "m_2", "m_3", "m_4"]
    assert "blue" not in await page.evaluate(STORAGE)
    await order.get_by_role("button", name=words["order.remove"]).first.click()
    await expect(order).not_to_contain_text("blue")


async def test_a_press_on_a_message_picks_it(console: Console) -> None:
    """A second press removes the message from the order. A press on a link in the message does not pick it."""
    order_comes_in(console)
    page = await console.open()
    await open_conversation(page)
    await messages(page).first.locator(".said").click()
    await expect(page.locator(".order-pane")).to_contain_text("2 blue shirts")
    await messages(page).first.locator(".said").click()
    await expect(page.locator(".order-pane")).to_contain_text(WORDS["en"]["order.empty"])


@pytest.mark.parametrize("how", ["embeds", "opens"])
async def test_an_order_is_sent_to_the_page_that_embeds_or_opens_the_console(
    console: Console, partner: str, how: str
) -> None:
    """The page's origin must be in the list, and the page must have said hello."""
    order_comes_in(console)
    console.allowed.add(partner)
    page = await console.window()
    await page.context.route("https://scontent.xx.fbcdn.net/**", no_picture)
    await page.goto(f"{partner}/{how}#{quote(f'{console.address}#token={console.owner.token()}', safe='')}")
    if how == "opens":
        async with page.expect_popup() as popup:
            await page.get_by_role("button").click()
        inside: Any = (await popup.value).main_frame
    else:
        inside = page.frames[1]
    await inside.locator(".row").first.click()
    await messages(inside).first.wait_for()
    await pick(inside, "en", 0, 1)
    await inside.locator(".order-bar, .order-pane").locator("visible=true").first.wait_for()
    if await inside.locator(".order-bar").is_visible():
        await inside.locator(".order-bar").click()
    send = inside.get_by_role("button", name=WORDS["en"]["order.send"]).locator("visible=true")
    await send.click()
    await expect(inside.locator(".toast")).to_have_text(WORDS["en"]["order.sent"])
    await wait_until(lambda: page.evaluate("window.received"))
    received = await page.evaluate("window.received")
    assert received["phone_numbers"] == ["+85512345678"]
    assert [one["text"] for one in received["messages"]] == ["2 blue shirts, size L", "លេខខ្ញុំ ០១២ ៣៤៥ ៦៧៨"]


async def test_an_order_opens_at_the_address_in_the_settings(console: Console) -> None:
    """The address is a template. The inserted data cannot become another part of the address."""
    order_comes_in(console)
    page = await console.open()
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    await page.get_by_label(WORDS["en"]["settings.order-address"]).fill("https://pos.example/new#p={phone}&t={text}")
    await page.get_by_role("button", name=WORDS["en"]["view.inbox"], exact=True).click()
    await open_conversation(page)
    await pick(page, "en", 0)
    link = page.locator(".order-pane").get_by_role("link", name=WORDS["en"]["order.open"])
    address = await link.get_attribute("href")
    assert address is not None
    assert address.startswith("https://pos.example/new#p=&t=Customer%20")
    assert address.endswith("2%20blue%20shirts%2C%20size%20L")


async def test_only_web_addresses_are_accepted_as_a_template(modules: Modules) -> None:
    """Only web addresses are accepted."""
    script = """(() => {
        const order = { customer: { name: "a&b" }, phone_numbers: [], places: [], photos: [], messages: [] };
        return a.map((one) => m.orderAddress(one, order));
    })()"""
    given = ["javascript:alert('{name}')", "{name}", "", "https://a.example/?n={name}&x={other}"]
    assert await modules.run("order", script, given) == [None, None, None, "https://a.example/?n=a%26b&x={other}"]
