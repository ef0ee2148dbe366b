"""The console as a user sees it: windows, their content, and every warning of the browser."""

import json
import time
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Frame, Locator, Page, Request, Route

from domain.shop import SCOPES, Scope
from simulator.graph_nodes import FakePage
from simulator.happening import Container
from simulator.payloads import delivery, entry
from simulator.serialize import Document
from tests.callers import Facebook, mint, text_part
from tests.facebook import GraphShop
from tests.house.sources import ROOT
from tests.support import wait_until

PATIENCE: Final = 30_000
"""Milliseconds for each wait, because two cores may be busy with other programs."""

SIZES: Final = {"wide": (1280, 800), "narrow": (390, 740)}
LOOKS: Final = [("en", "wide"), ("km", "narrow")]
"""The looks with which tests run: each language once and each size once."""

LOCALES: Final = {"en": "en-GB", "km": "km-KH"}

WORDS: Final[dict[str, dict[str, Any]]] = {
    language: json.loads((ROOT / "console" / "words" / f"{language}.json").read_text(encoding="utf-8"))
    for language in LOCALES
}
"""The texts of the page, by language and key."""

_TOLD_ON_REFUSAL: Final = "Failed to load resource"
"""The browser's line about an answer other than 200. Each test decides which of these answers are allowed."""

_EXAMINE: Final = """axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => JSON.stringify(target)).join(", ")}`))"""


class Owner(GraphShop):
    """A shop, its Page, and the customers who write to it."""

    page: FakePage
    facebook: Facebook

    def token(self, *scopes: Scope, ttl: int = 600) -> str:
        """Returns a token of this shop. Without named scopes it has every scope."""
        return mint(self.name, scopes or SCOPES, ttl=ttl)

    def delivers(self, *parts: Document) -> None:
        """Send one delivery with these elements of `messaging`."""
        self.tells("messaging", *parts)

    def tells(self, container: Container, *parts: Document) -> None:
        """Send one delivery with these elements of a list of an entry."""
        body = delivery([entry(self.page.id, int(time.time() * 1000), container, list(parts))])
        assert self.facebook.deliver(body).status_code == 200

    def hears(self, mid: str, words: str, customer: str = "7000000000000001") -> None:
        """Send a message of a customer to the shop."""
        assert self.facebook.text(mid, words, page=self.page.id, customer=customer).status_code == 200


class Console:
    """The windows of one browser profile. `complaints` are the browser's errors, and `strangers` are requests to other
    servers."""

    def __init__(self, browser: Browser, owner: Owner) -> None:
        self._browser = browser
        self.owner = owner
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.allowed: set[str] = set()
        self._contexts: list[BrowserContext] = []

    @property
    def address(self) -> str:
        """Returns the address of the console."""
        url = self.owner.client.base_url
        return f"{url.scheme}://{url.netloc.decode()}/console"

    async def window(self, language: str = "en", size: str = "wide", **options: Any) -> Page:
        """Returns an empty window of a browser that uses `language`."""
        width, height = SIZES[size]
        context = await self._browser.new_context(
            viewport={"width": width, "height": height},
            locale=LOCALES[language],
            accept_downloads=True,
            **{"timezone_id": "Asia/Phnom_Penh", **options},
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._on_request)
        return page

    async def open(self, language: str = "en", size: str = "wide", token: str | None = None, **options: Any) -> Page:
        """Returns a window that is signed in by an address like the one that `page-inbox run` prints."""
        page = await self.window(language, size, **options)
        await page.goto(f"{self.address}#token={token or self.owner.token()}")
        await page.locator("main").wait_for()
        return page

    async def refuse_tokens(self, page: Page) -> None:
        """Let the service find that window's token expired, until `page.unroute_all()`."""
        problem = {"status": 401, "reason": "token_expired", "request_id": "0"}

        async def answer(route: Route) -> None:
            await route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(problem))

        await page.route("**/v1/**", answer)

    async def close(self) -> None:
        """Close every window."""
        for context in self._contexts:
            await context.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_TOLD_ON_REFUSAL):
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        place = urlsplit(request.url)
        origin = f"{place.scheme}://{place.netloc}"
        if (
            place.scheme not in {"blob", "data"}
            and not self.address.startswith(f"{origin}/")
            and origin not in self.allowed
        ):
            self.strangers.append(request.url)


def part(console: Console, mid: str, **content: object) -> Document:
    """Returns an element of `messaging` from the usual customer with only this content."""
    whole = text_part(mid, page=console.owner.page.id)
    return {**whole, "message": {"mid": mid, **content}}


def rows(page: Page) -> Locator:
    """Returns the conversations in the list."""
    return page.locator(".row")


def messages(page: Page | Frame) -> Locator:
    """Returns the messages of the open conversation."""
    return page.locator(".message")


async def open_conversation(page: Page, row: int = 0) -> None:
    """Choose a conversation in the list, and wait for its messages."""
    await rows(page).nth(row).click()
    await messages(page).first.wait_for()


async def copied_by(page: Page, button: Locator) -> str:
    """Returns the text that the button puts on the clipboard. The button does this shortly after the press."""
    await page.evaluate("navigator.clipboard.writeText('')")
    await button.click()
    await wait_until(lambda: page.evaluate("navigator.clipboard.readText()"))
    text: str = await page.evaluate("navigator.clipboard.readText()")
    return text


async def stumbles(page: Page) -> list[str]:
    """Returns what axe finds: each rule with the places. A page that was examined before already has axe."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    found: list[str] = await page.evaluate(_EXAMINE)
    return found
