"""Who is signed in, for how long, and with which rights."""

import pytest
from playwright.async_api import Locator, expect

from domain.shop import EVERY_SHOP, SCOPES
from tests.browser.console import PATIENCE, WORDS, Console, messages, open_conversation, rows, stumbles
from tests.callers import mint
from tests.service import Service

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def press_at_once(place: Locator) -> bool:
    """Press the first such element without waiting for one. Returns True if there is one."""
    return bool(await place.evaluate_all("(all) => { all[0]?.click(); return all.length; }"))


@pytest.mark.parametrize("language", ["en", "km"])
async def test_the_sign_in_page_accepts_only_a_valid_token(console: Console, language: str) -> None:
    """The page refuses an invalid token with a sentence. The right token opens the inbox."""
    words = WORDS[language]
    page = await console.window(language)
    await page.goto(console.address)
    await expect(page.get_by_role("heading", level=1)).to_have_text(words["signin.title"])
    assert await stumbles(page) == []
    field = page.get_by_label(words["signin.token"], exact=True)
    await expect(field).to_be_focused()
    await field.fill("nonsense")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text(words["signin.no_token"])
    assert await stumbles(page) == []
    await field.fill(console.owner.token())
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(words["inbox.empty"], exact=True)).to_be_visible()


async def test_a_token_is_in_no_address_and_no_log(console: Console, service: Service) -> None:
    """The fragment is removed at once, from the browser's history too. Requests send the token only in a header."""
    token = console.owner.token()
    console.owner.hears("m_1", "hello")
    page = await console.window()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{console.address}#token={token}")
    await expect(rows(page)).to_have_count(1)
    assert page.url == console.address
    await open_conversation(page)
    await page.go_back()
    assert page.url == console.address
    await open_conversation(page)
    sent = [url.partition("#")[0] for url in asked]
    assert len(sent) > 10
    assert [url for url in sent if token in url] == []
    assert await page.evaluate("localStorage.length") == 0
    assert token not in service.log.read_text()
    await page.reload()
    await expect(messages(page)).to_have_count(1)


async def test_a_link_to_another_shop_asks_first(console: Console) -> None:
    """The console asks in a tab that is signed in. If the reader agrees, the tab shows the other shop and nothing of
    the first one."""
    console.owner.hears("m_1", "of the first shop")
    page = await console.open()
    await open_conversation(page)
    await page.evaluate("(token) => { location.hash = `token=${token}`; }", mint("another-shop"))
    question = page.get_by_role("dialog")
    await expect(question).to_contain_text("another-shop")
    assert page.url == console.address
    assert await stumbles(page) == []
    await question.get_by_role("button", name=WORDS["en"]["switch.do"]).click()
    await expect(page.get_by_text(WORDS["en"]["inbox.empty"], exact=True)).to_be_visible()
    await expect(page.get_by_text("of the first shop")).to_have_count(0)
    await page.reload()
    await expect(page.locator(".brand-shop")).to_have_text("another-shop")
    await expect(question).to_have_count(0)


async def test_a_link_to_the_same_shop_renews_the_token(console: Console) -> None:
    """The console asks no question."""
    console.owner.hears("m_1", "hello")
    page = await console.open()
    await expect(rows(page)).to_have_count(1)
    token = console.owner.token("messages:read")
    await page.evaluate("(token) => { location.hash = `token=${token}`; }", token)
    await expect(page.get_by_role("button", name=WORDS["en"]["view.posts"], exact=True)).to_have_count(0)
    await expect(rows(page)).to_have_count(1)


async def test_a_page_that_opened_the_console_cannot_change_its_shop(console: Console, partner: str) -> None:
    """The other page can write another shop's token into the address. The reader presses Cancel and keeps the
    session."""
    console.owner.hears("m_1", "hello")
    console.allowed.add(partner)
    opener = await console.window()
    await opener.goto(f"{partner}/opens")
    async with opener.expect_popup() as popup:
        await opener.evaluate("(address) => { window.opened = window.open(address); }", console.address)
    page = await popup.value
    await page.get_by_label("Token", exact=True).fill(console.owner.token())
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_have_count(1)
    await opener.evaluate(
        "(address) => { window.opened.location = address; }", f"{console.address}#token={mint('another-shop')}"
    )
    await page.get_by_role("dialog").get_by_role("button", name=WORDS["en"]["cancel"]).click()
    await expect(rows(page)).to_have_count(1)
    await page.reload()
    await expect(page.locator(".brand-shop")).to_have_text(console.owner.name)
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_signing_out_leaves_nothing_in_the_tab(console: Console) -> None:
    """The tab keeps no token and no name."""
    console.owner.hears("m_1", "hello")
    page = await console.open()
    await expect(rows(page)).to_have_count(1)
    await page.get_by_role("button", name=WORDS["en"]["signout"]).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(WORDS["en"]["signin.title"])
    assert await page.evaluate("sessionStorage.length") == 0
    await page.reload()
    await expect(page.get_by_label("Token", exact=True)).to_be_visible()


@pytest.mark.parametrize("language", ["en", "km"])
async def test_a_new_token_after_an_expired_one_opens_the_same_conversation(console: Console, language: str) -> None:
    """The old messages are hidden. Afterwards the conversation is open again."""
    words = WORDS[language]
    for number in range(3):
        console.owner.hears(f"m_{number}", f"text {number}", f"700000000000000{number}")
    page = await console.open(language)
    await open_conversation(page, 1)
    await expect(messages(page)).to_have_count(1)
    await console.refuse_tokens(page)
    # A call in the background may be refused first: then the rows are gone.
    opened = "text 2" if await press_at_once(rows(page)) else "text 1"
    await expect(page.get_by_role("heading", level=1)).to_have_text(words["signin.title_again"])
    await expect(messages(page)).to_have_count(0)
    assert await stumbles(page) == []
    await page.unroute_all()
    await page.get_by_label(words["signin.token"], exact=True).fill(console.owner.token())
    await page.keyboard.press("Enter")
    await expect(messages(page)).to_have_count(1)
    await expect(messages(page)).to_contain_text(opened)


async def test_the_console_signs_out_when_the_token_expires(console: Console) -> None:
    """The console signs out without a refused call. Otherwise messages would stay on a screen that is not in use."""
    console.owner.hears("m_1", "hello")
    page = await console.window()
    await page.clock.install()
    await page.goto(f"{console.address}#token={console.owner.token(ttl=3600)}")
    await expect(rows(page)).to_have_count(1)
    await page.clock.fast_forward(3601_000)
    await expect(page.get_by_role("alert")).to_have_text(WORDS["en"]["signin.expired"])
    await expect(rows(page)).to_have_count(0)


async def test_the_token_of_another_shop_removes_the_data_of_the_first_shop(console: Console) -> None:
    """Nothing of the first shop is left on the page."""
    console.owner.hears("m_1", "of the first shop")
    page = await console.open()
    await open_conversation(page)
    await console.refuse_tokens(page)
    # A call in the background may be refused first: then the button is gone.
    await press_at_once(page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True))
    await expect(page.get_by_label("Token", exact=True)).to_be_visible()
    await page.unroute_all()
    await page.get_by_label("Token", exact=True).fill(mint("another-shop"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(WORDS["en"]["inbox.empty"], exact=True)).to_be_visible()
    await expect(page.get_by_text("of the first shop")).to_have_count(0)


async def test_the_page_offers_only_actions_that_the_token_allows(console: Console) -> None:
    """With only the scope to read messages, the page shows no posts, no deletion and no state of the shop, and does not
    request them."""
    console.owner.hears("m_1", "hello")
    page = await console.window()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{console.address}#token={console.owner.token('messages:read')}")
    await open_conversation(page)
    await expect(page.get_by_role("button", name=WORDS["en"]["view.posts"], exact=True)).to_have_count(0)
    await expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    await expect(page.get_by_role("heading", name=WORDS["en"]["export.title"])).to_be_visible()
    await expect(page.locator(".panel")).to_have_count(1)
    assert [url for url in asked if "/customers/" in url or url.endswith(f"/shops/{console.owner.name}")] == []
    assert await stumbles(page) == []


async def test_a_token_for_every_shop_needs_the_name_of_a_shop(console: Console) -> None:
    """The back end of an order composer has such a token."""
    console.owner.hears("m_1", "hello")
    page = await console.window()
    await page.goto(f"{console.address}#token={mint(EVERY_SHOP, SCOPES)}")
    await expect(page.get_by_role("alert")).to_have_text(WORDS["en"]["signin.shop_needed"])
    await page.get_by_label("Token", exact=True).fill(mint(EVERY_SHOP, SCOPES))
    await page.get_by_label("Shop", exact=True).fill(console.owner.name)
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_have_count(1)


async def test_language_and_colours_are_remembered(console: Console) -> None:
    """The browser stores the two choices. Everything on the page changes at once."""
    console.owner.hears("m_1", "hello")
    page = await console.open()
    await page.get_by_role("button", name="ខ្មែរ").click()
    await expect(page.get_by_role("button", name=WORDS["km"]["view.shop"], exact=True)).to_be_visible()
    await page.get_by_role("button", name=WORDS["km"]["theme.auto"]).click()
    await page.get_by_role("button", name=WORDS["km"]["theme.sun"]).click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert await stumbles(page) == []
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "km")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    await expect(rows(page)).to_have_count(1)
