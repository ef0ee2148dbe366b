"""Reading messages: signing in, seeing them arrive, finding one."""

import pytest
from playwright.async_api import expect

from tests.browser.console import EVERY_LOOK, PATIENCE, Console, messages, rows, shot, stumbles

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

EMPTY = {"en": "No messages", "km": "មិនមានសារ"}


@pytest.mark.parametrize(("language", "size"), EVERY_LOOK)
async def test_a_message_appears_without_a_reload(console: Console, language: str, size: str) -> None:
    """An empty inbox says so; then a customer writes, and writes again."""
    page = await console.open(language, size)
    assert "token" not in page.url
    await expect(page.get_by_text(EMPTY[language], exact=True)).to_be_visible()
    assert await stumbles(page) == []
    await shot(page, f"empty-{language}-{size}")
    console.owner.hears("m_1", "សួស្តីបង! នៅមានទេ?")
    await expect(rows(page)).to_have_count(1)
    await rows(page).first.click()
    await expect(messages(page)).to_have_count(1)
    console.owner.hears("m_2", "លេខខ្ញុំ 012 345 678")
    await expect(messages(page)).to_have_count(2)
    await expect(messages(page).last).to_contain_text("012 345 678")
    assert await stumbles(page) == []
    await shot(page, f"thread-{language}-{size}")
