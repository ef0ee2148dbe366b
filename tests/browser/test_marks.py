"""Marks that staff share: done, unread and labels."""

import pytest
from playwright.async_api import expect

from tests.browser.console import PATIENCE, WORDS, Console, open_conversation, rows, stumbles
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

SOKHA, DARA = "7000000000000001", "7000000000000002"


@pytest.mark.parametrize(("language", "size"), [("en", "wide"), ("km", "narrow")])
async def test_staff_share_the_marks_of_a_conversation(console: Console, language: str, size: str) -> None:
    """Staff use buttons or keys. Marks of others appear at once. A new message opens the conversation again."""
    words, owner = WORDS[language], console.owner

    def mark() -> dict[str, object]:
        all_ = owner.get("/conversations")["conversations"]
        marks = [one.get("mark", {}) for one in all_ if one["customer_id"] == SOKHA]
        return {name: value for name, value in marks[0].items() if name != "marked_at"}

    owner.hears("m_1", "2 blue shirts", SOKHA)
    owner.hears("m_2", "hello", DARA)
    page = await console.open(language, size)
    await expect(page.locator(".connection.live")).to_be_attached()
    await page.get_by_role("button", name=words["view.shop"], exact=True).click()
    field = page.get_by_label(words["labels.list"])
    await field.fill("paid\n VIP \n\nបានផ្ញើ\npaid")
    await page.get_by_role("button", name=words["labels.save"], exact=True).click()
    await expect(field).to_have_value("paid\nVIP\nបានផ្ញើ")
    await wait_until(lambda: owner.get("/labels") == {"labels": ["paid", "VIP", "បានផ្ញើ"]})
    assert await stumbles(page) == []
    await page.get_by_role("navigation").get_by_role("button", name=words["view.inbox"]).click()
    await open_conversation(page, 1)
    done = page.get_by_role("button", name=words["mark.done"], exact=True)
    await done.click()
    await expect(done).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name=words["labels"], exact=True).click()
    await page.get_by_role("checkbox", name="បានផ្ញើ").check()
    await expect(page.locator(".thread-marks")).to_contain_text("បានផ្ញើ")
    assert await stumbles(page) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("u")
    await expect(page.get_by_role("button", name=words["mark.unread"], exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    await wait_until(lambda: mark() == {"done": True, "unread": True, "labels": ["បានផ្ញើ"]})
    assert await stumbles(page) == []
    await page.keyboard.press("d")
    await expect(done).to_have_attribute("aria-pressed", "false")
    await wait_until(lambda: mark() == {"done": False, "unread": True, "labels": ["បានផ្ញើ"]})
    if size == "narrow":
        await page.get_by_role("button", name=words["back"]).click()
    await page.get_by_role("button", name=words["mark.open"], exact=True).click()
    await expect(rows(page)).to_have_count(2)
    done_by_others = owner.client.put(f"/conversations/{owner.page.id}_{SOKHA}/mark", json={"done": True})
    assert done_by_others.status_code == 200
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("hello")
    owner.hears("m_3", "and one hat", SOKHA)
    await expect(rows(page)).to_have_count(2)
