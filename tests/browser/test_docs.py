"""`/docs` in a browser: a token, the shop in every example, and each call tried."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.console import PATIENCE, Console, Owner, stumbles

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERY_FIFTH = """(tried) => [...document.querySelectorAll("main article")].forEach((one, place) => {
    if (place % 5 && !tried.includes(one.id)) one.remove();
})"""
"""A script that leaves these calls and every fifth call."""


async def test_calls_are_tried_with_a_token(browser: Browser, owner: Owner) -> None:
    """The examples are for the token's shop, at this address. Answers, refusals and the stream are shown."""
    console = Console(browser, owner)
    owner.hears("m_1", "two blue shirts")
    page = await console.window()
    here = console.address.removesuffix("/console")
    await page.goto(f"{here}/docs")
    lists, stream = page.locator("#listMessages"), page.locator("#openStream")
    await expect(lists.locator(".curl")).to_contain_text(f"{here}/v1/shops/demo-shop/messages")

    for card in (lists, stream):
        await card.get_by_text("Try it").click()
    await lists.get_by_role("button", name="Send").click()
    await expect(lists.get_by_role("status")).to_contain_text("token_missing")

    await page.get_by_label("Token").fill(owner.token())
    await expect(lists.locator(".curl")).to_contain_text(f"{here}/v1/shops/{owner.name}/messages")
    await lists.get_by_label("limit").fill("1")
    await lists.get_by_role("button", name="Send").click()
    await expect(lists.get_by_role("status")).to_contain_text("two blue shirts")

    await stream.get_by_role("button", name="Send").click()
    await expect(stream.get_by_role("status")).to_contain_text("event: ready")
    owner.hears("m_2", "and a white one")
    await expect(stream.get_by_role("status")).to_contain_text("and a white one")
    await stream.get_by_role("button", name="Stop").click()
    await expect(stream.get_by_role("status")).to_contain_text("(stopped)")

    page.on("dialog", lambda dialog: dialog.accept())
    change = page.locator("#changeShop")
    await change.get_by_text("Try it").click()
    await change.get_by_role("button", name="Send").click()
    await expect(change.get_by_role("status")).to_contain_text('"paused": true')

    # One function draws all calls, and axe takes six seconds of processor time for all of them.
    await page.evaluate(EVERY_FIFTH, ["listMessages", "openStream", "changeShop"])
    assert await stumbles(page) == []
    await lists.scroll_into_view_if_needed()
    await console.close()
    assert (console.complaints, console.strangers) == ([], [])
