"""Links to a conversation, and data from Facebook: names of Pages, live videos, numbers."""

import pytest
from playwright.async_api import expect

from domain.ids import Psid
from tests.browser.console import (
    LOOKS,
    PATIENCE,
    WORDS,
    Console,
    copied_by,
    messages,
    open_conversation,
    rows,
    stumbles,
)
from tests.browser.modules import Modules
from tests.facebook import new_page
from tests.graph import FakeGraph, now

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

SOKHA, DARA = "7000000000000001", "7000000000000002"


async def test_a_conversation_opens_at_facebook(console: Console, graph: FakeGraph) -> None:
    """The link has the address from Facebook. If Facebook does not know the conversation, the inbox of the
    Page opens."""
    own = console.owner.page
    graph.world.say(own, Psid(SOKHA), "of Sokha", at=now(), name="Sokha")
    console.owner.hears("m_1", "of Sokha", SOKHA)
    console.owner.hears("m_2", "of Dara", DARA)
    page = await console.open()
    for place in ("https://www.facebook.com/**", "https://business.facebook.com/**"):
        await page.context.route(place, lambda route: route.fulfill(body="Facebook", content_type="text/plain"))
    for row, address in (
        (1, f"https://www.facebook.com/{own.id}/inbox/"),
        (0, "https://business.facebook.com/latest/"),
    ):
        await open_conversation(page, row)
        async with page.expect_popup() as opened:
            await page.get_by_role("button", name=WORDS["en"]["thread.facebook"]).click()
        popup = await opened.value
        await popup.wait_for_url(f"{address}**")
        assert await popup.evaluate("window.opener") is None


async def test_a_link_leads_to_its_conversation(console: Console) -> None:
    """The link works in a new tab, in the same tab, and as a copied address. The address bar does not keep the id."""
    console.owner.hears("m_1", "of Sokha", SOKHA)
    console.owner.hears("m_2", "of Dara", DARA)
    page_id = console.owner.page.id
    page = await console.window(permissions=["clipboard-read", "clipboard-write"])
    await page.goto(f"{console.address}#token={console.owner.token()}&conversation={page_id}_{SOKHA}")
    await expect(messages(page)).to_contain_text("of Sokha")
    assert page.url == console.address
    link = await copied_by(page, page.get_by_role("button", name=WORDS["en"]["link.copy"]))
    assert link == f"{console.address}#conversation={page_id}_{SOKHA}"
    await page.goto(f"{console.address}#conversation={page_id}_{DARA}")
    await expect(messages(page)).to_contain_text("of Dara")
    assert await stumbles(page) == []


async def test_a_link_to_a_missing_conversation_opens_no_conversation(console: Console) -> None:
    """The list is still shown."""
    console.owner.hears("m_1", "of Sokha", SOKHA)
    page = await console.open()
    await expect(rows(page)).to_have_count(1)
    await page.goto(f"{console.address}#conversation={console.owner.page.id}_7999")
    await expect(rows(page)).to_have_count(1)
    await expect(messages(page)).to_have_count(0)
    await expect(page.locator(".nothing-chosen")).to_be_visible()


async def test_the_list_can_be_filtered_by_page(console: Console, graph: FakeGraph) -> None:
    """The field shows the chosen Page, also at the start."""
    first, second = console.owner.page, new_page(graph.world)
    console.owner.bring(second)
    for number, one in enumerate((first, second)):
        graph.world.meet(one, Psid(SOKHA), "Sokha", now())
        assert console.owner.facebook.text(f"m_{number}", f"to Page {number}", page=one.id).status_code == 200
    page = await console.open()
    await expect(rows(page)).to_have_count(2)
    field = page.get_by_label(WORDS["en"]["page"], exact=True)
    assert await field.evaluate("(one) => one.selectedOptions[0]?.label") == WORDS["en"]["page.all"]
    await field.select_option(second.id)
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("to Page 1")
    assert await field.evaluate("(one) => one.value") == second.id
    assert await stumbles(page) == []


async def test_the_thread_shows_the_name_of_the_page(console: Console, graph: FakeGraph) -> None:
    """The name comes from Facebook. Without permission the page shows the id."""
    graph.world.say(console.owner.page, Psid(SOKHA), "hello", at=now(), name="Sokha")
    console.owner.hears("m_1", "hello", SOKHA)
    page = await console.open()
    await open_conversation(page)
    await expect(page.locator(".thread-who")).to_contain_text(console.owner.page.name)


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_live_videos_and_their_comments_are_read(
    console: Console, graph: FakeGraph, language: str, size: str
) -> None:
    """A number in a comment can be called and copied."""
    words, world = WORDS[language], graph.world
    video = world.add_live_video(console.owner.page, "ស្បែកជើងថ្មី")
    world.add_comment(video, "I take it: ០១២ ៣៤៥ ៦៧៨", by={"id": "7000000000000009", "name": "Sreymom"})
    page = await console.open(language, size)
    await page.get_by_role("button", name=words["view.posts"], exact=True).click()
    await page.get_by_role("button", name=words["posts.kind.live"]).click()
    await page.get_by_role("button", name=words["live.fetch"]).click()
    await expect(page.locator(".post")).to_contain_text("ស្បែកជើងថ្មី")
    await expect(page.locator(".post")).to_contain_text(words["live.now"])
    await page.get_by_role("button", name=words["comments.show.any"]).click()
    await expect(page.locator(".comment")).to_contain_text("Sreymom")
    await expect(page.locator(".comment").get_by_role("link")).to_have_attribute("href", "tel:+85512345678")
    assert await stumbles(page) == []
    world.add_comment(video, "and two more", by={"id": "7000000000000009", "name": "Sreymom"})
    await page.get_by_role("button", name=words["comments.again"]).click()
    await expect(page.locator(".comment")).to_have_count(2)


async def test_telephone_numbers_are_found_in_a_text(modules: Modules) -> None:
    """The numbers may have Latin or Khmer digits and every usual grouping. Years, prices and parts of longer numbers
    are not numbers."""
    cases = {
        "012345678": ["+85512345678"],
        "call ០៩៧ ១២៣ ៤៥៦៧ or 012-345-678": ["+855971234567", "+85512345678"],
        "+855 12 345 678, 012 345 678": ["+85512345678"],
        "in 2026 for $12.50, order 4012345678": [],
        "0123456789012": [],
    }
    found = await modules.run("numbers", "a.map(m.numbersIn)", list(cases))
    assert found == list(cases.values())
