"""Conversations that lose messages within twelve hours, and copies that a shop owner can open."""

import asyncio
import csv
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, expect

from domain.ids import Psid
from tests.browser.console import LOOKS, PATIENCE, WORDS, Console, messages, rows, stumbles
from tests.graph import FakeGraph, now
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR: Final = 3_600_000
SOKHA, DARA, NEW = (f"700000000000000{number}" for number in (1, 2, 3))


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_conversations_with_messages_that_expire_tonight_are_listed(
    console: Console, graph: FakeGraph, language: str, size: str
) -> None:
    """The conversation that expires first is at the top, and each has the number of its messages. A conversation that
    expires in some days is not in the list."""
    words, world, page_of = WORDS[language], graph.world, console.owner.page
    for number, (psid, hours) in enumerate(((SOKHA, 110), (SOKHA, 111), (DARA, 115), (NEW, 30))):
        world.say(page_of, Psid(psid), f"text {number}", at=now() - hours * HOUR, name=f"name {psid[-1]}")
    assert console.owner.client.post(f"/pages/{page_of.id}/heal").status_code == 202
    await wait_until(lambda: len(console.owner.ids()) == 4)
    page = await console.open(language, size)
    await expect(rows(page)).to_have_count(3)
    await expect(page.locator(".badge")).to_have_count(0)
    await page.get_by_role("button", name=words["tonight"], exact=True).click()
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page)).to_contain_text(["name 2", "name 1"])
    one = words["tonight.row"].get("one", words["tonight.row"]["other"])
    await expect(rows(page).first).to_contain_text(one.partition("{when}")[0].format(n=1).strip())
    assert await stumbles(page) == []
    await rows(page).first.click()
    await expect(messages(page)).to_contain_text("text 2")
    left = page.locator(".message .left.soon")
    await expect(left).to_have_count(1)
    assert await stumbles(page) == []


async def saved(page: Page, button: str, target: Path) -> str:
    """Returns the file behind a button of the shop's view."""
    async with page.expect_download() as download:
        await page.get_by_role("button", name=button, exact=True).click()
    await (await download.value).save_as(target)
    return (await asyncio.to_thread(target.read_bytes)).decode()


async def test_a_copy_can_be_saved_as_a_table_or_as_a_page_to_print(console: Console, tmp_path: Path) -> None:
    """Every message is in the copy. No cell is a formula, and no text becomes a part of the page."""
    words = WORDS["en"]
    evil = '=HYPERLINK("https://evil.example")'
    console.owner.hears("m_1", evil)
    console.owner.hears("m_2", "<script>document.title = 'hacked'</script> 012 345 678, ស្អាត")
    page = await console.open()
    await page.get_by_role("button", name=words["view.shop"], exact=True).click()
    table = await saved(page, words["export.csv"], tmp_path / "copy.csv")
    lines = list(csv.DictReader(table.removeprefix("\ufeff").splitlines()))
    assert [line["text"] for line in lines] == [
        "'" + evil,
        "<script>document.title = 'hacked'</script> 012 345 678, ស្អាត",
    ]
    assert lines[1]["phone_numbers"] == "012 345 678"
    text = await saved(page, words["export.page"], tmp_path / "copy.html")
    assert "<script" not in text
    printed = await console.window()
    await printed.goto((tmp_path / "copy.html").as_uri())
    console.strangers.clear()  # the file itself
    await expect(printed.get_by_role("row")).to_have_count(3)
    await expect(printed.get_by_role("row").last).to_contain_text("<script>document.title = 'hacked'</script>")
    assert await printed.title() != "hacked"
    assert await stumbles(printed) == []


async def test_an_incomplete_copy_is_an_error(console: Console) -> None:
    """The page says in a sentence that the copy failed, and saves no file."""
    console.owner.hears("m_1", "hello")
    page = await console.open()
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    await page.route("**/export", lambda route: route.fulfill(body='{"type": "message", "text": "half"}\n'))
    await page.get_by_role("button", name=WORDS["en"]["export.csv"]).click()
    await expect(page.get_by_role("alert")).to_contain_text(WORDS["en"]["problem.offline"])
