"""`make screenshot`: the console over the demo shop, as a file for README."""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Page, async_playwright

from tests.browser.chromium import ARGUMENTS, chromium
from tests.browser.console import WORDS
from tests.service import START_SECONDS, environment, page_inbox, started
from tests.support import wait_until_blocking

SIZE: Final = {"width": 1280, "height": 800}
PATIENCE: Final = 30_000
NOTHING_SET: Final = {"FACEBOOK_APP_SECRET": "", "FACEBOOK_VERIFY_TOKEN": "", "TOKEN_KEYS": "", "HOST": ""}
CONVERSATIONS: Final = 8
"""Number of conversations, enough to fill the list."""


async def take(address: str, target: Path) -> None:
    """Take a picture of the inbox, with the conversation that shows most."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = await browser.new_page(viewport=SIZE, locale="en-GB", timezone_id="Asia/Phnom_Penh")  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE)
        await page.goto(address)
        await page.locator(".row").nth(CONVERSATIONS).wait_for()
        await page.locator(".connection.live").wait_for()
        await page.locator("img.avatar").nth(CONVERSATIONS).wait_for()
        await page.get_by_role("button", name=WORDS["en"]["alerts.no"], exact=True).click()
        await page.locator(".row").nth(await _richest(page)).click()
        telling = page.locator(".message.in", has=page.locator(".phone, .photo, .attachment"))
        for place in range(min(2, await telling.count())):
            await telling.nth(place).locator(".pick").press("Enter")
        await page.mouse.move(0, 0)
        shown = page.locator(".photo, .sticker")
        if await shown.count():
            await shown.last.evaluate("(one) => one.scrollIntoView({ block: 'center' })")
        await page.wait_for_function("[...document.images].every((one) => one.complete)")
        await page.screenshot(path=target, animations="disabled")
        await browser.close()


async def _richest(page: Page) -> int:
    """Returns the row of the conversation that shows the most kinds of messages."""
    best, place = -1, 0
    for row in range(CONVERSATIONS):
        await page.locator(".row").nth(row).click()
        await page.locator(".message").first.wait_for()
        parts = (".photo", ".sticker", ".message.out", ".phone", ".attachment", ".quote")
        found = sum([min(3, await page.locator(part).count()) for part in parts])
        best, place = max((best, place), (found, row))
    return place


def main(target: Path) -> None:
    """Run the demo, take the picture, stop the demo."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as directory:
        data, said = Path(directory) / "data", Path(directory) / "said"
        said.write_text("")
        environ = environment(None, **NOTHING_SET, DATA_DIR=str(data))
        with started(page_inbox("run"), said, environ):
            wait_until_blocking(lambda: "Ctrl-C" in said.read_text(), within=START_SECONDS)
            (address,) = re.findall(r"http://\S+/console#\S+", said.read_text())
            asyncio.run(take(address, target))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
