"""Actions of a shop owner: delete with a receipt, pause, take a copy, and see who did what."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect

from tests.browser.console import (
    LOOKS,
    PATIENCE,
    WORDS,
    Console,
    messages,
    open_conversation,
    rows,
    stumbles,
)
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_message_is_deleted(console: Console) -> None:
    """The console asks first. The other messages stay, and the deleted message cannot be read again."""
    console.owner.hears("m_1", "first")
    console.owner.hears("m_2", "second")
    page = await console.open()
    await open_conversation(page)
    await expect(messages(page)).to_have_count(2)
    await messages(page).last.hover()
    await messages(page).last.get_by_role("button", name=WORDS["en"]["delete.message"]).click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await stumbles(page) == []
    await page.get_by_role("button", name=WORDS["en"]["delete.message.do"]).click()
    await expect(messages(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("first")
    await wait_until(lambda: console.owner.ids() == ["m_1"])


async def test_esc_deletes_nothing(console: Console) -> None:
    """The focus returns to the button that asked."""
    console.owner.hears("m_1", "first")
    page = await console.open()
    await open_conversation(page)
    button = page.get_by_role("button", name=WORDS["en"]["delete.conversation"])
    await button.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()
    await expect(messages(page)).to_have_count(1)
    assert console.owner.ids() == ["m_1"]


@pytest.mark.parametrize("language", ["en", "km"])
async def test_a_conversation_is_deleted(console: Console, language: str) -> None:
    """The other conversation stays. A second window of the shop removes the deleted conversation too, without a
    reload."""
    words = WORDS[language]
    console.owner.hears("m_1", "of one customer")
    console.owner.hears("m_2", "of another", "7000000000000002")
    page, second = await console.open(language), await console.open(language, "narrow")
    await expect(rows(second)).to_have_count(2)
    await expect(second.locator(".connection.live")).to_be_visible()
    await open_conversation(page, 1)
    await page.get_by_role("button", name=words["delete.conversation"]).click()
    await page.get_by_role("button", name=words["delete.conversation.do"], exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text(words["receipt.title"])
    assert await stumbles(page) == []
    await page.get_by_role("dialog").get_by_role("button", name=words["close"]).last.click()
    for window in (page, second):
        await expect(rows(window)).to_have_count(1)
        await expect(rows(window)).to_contain_text("of another")
    assert console.owner.ids() == ["m_2"]


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_everything_is_deleted_with_a_receipt(console: Console, tmp_path: Path, language: str, size: str) -> None:
    """The owner must type the right word. The receipt is shown and updated until it is complete, and can be saved."""
    words = WORDS[language]
    for number in range(3):
        console.owner.hears(f"m_{number}", "hello", f"700000000000000{number}")
    page = await console.open(language, size)
    await expect(rows(page)).to_have_count(3)
    await page.get_by_role("button", name=words["view.shop"], exact=True).click()
    await expect(page.locator(".panel")).to_have_count(6)
    assert await stumbles(page) == []
    await page.get_by_role("button", name=words["purge.start"]).click()
    confirm = page.get_by_role("button", name=words["delete.shop.do"], exact=True).last
    await expect(confirm).to_be_disabled()
    await page.locator("#confirm").fill("no")
    await expect(confirm).to_be_disabled()
    await page.locator("#confirm").fill(words["purge.word"])
    await confirm.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(words["receipt.complete"])
    assert await stumbles(page) == []
    async with page.expect_download() as download:
        await dialog.get_by_role("button", name=words["receipt.save"]).click()
    await (await download.value).save_as(tmp_path / "receipt")
    receipt = json.loads((tmp_path / "receipt").read_text())
    assert (receipt["what"], receipt["status"], receipt["messages_deleted"]) == ("shop", "complete", 3)
    assert receipt["signature"]
    await expect(dialog).to_contain_text(receipt["purge_id"])
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name=words["view.inbox"], exact=True).click()
    await expect(page.get_by_text(words["inbox.empty"], exact=True)).to_be_visible()
    assert console.owner.ids() == []


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_storing_is_paused_and_resumed(console: Console, language: str, size: str) -> None:
    """The owner can pause the shop or one of its Pages. The console asks first, and every view shows the pause until it
    ends."""
    words = WORDS[language]
    page = await console.open(language, size)
    await page.get_by_role("button", name=words["view.shop"], exact=True).click()
    pause, dialog = page.get_by_role("button", name=words["storing.pause"], exact=True), page.get_by_role("dialog")
    await pause.click()
    await expect(dialog).to_contain_text(words["pause.about"])
    await dialog.get_by_role("button", name=words["cancel"]).click()
    await expect(dialog).to_have_count(0)
    assert console.owner.get("/")["paused"] is False
    await pause.click()
    await dialog.get_by_role("button", name=words["pause.open"], exact=True).click()
    await expect(page.get_by_text(words["storing.paused"])).to_be_visible()
    state = console.owner.get("/")
    assert state["paused"] is True
    assert "until" not in state
    for view in ("inbox", "posts", "shop"):
        await page.get_by_role("button", name=words[f"view.{view}"], exact=True).click()
        await expect(page.get_by_text(words["paused.banner"].format(until=""))).to_be_visible()
    assert await stumbles(page) == []
    await page.get_by_role("button", name=words["paused.resume"], exact=True).click()
    await expect(page.get_by_text(words["storing.on"])).to_be_visible()
    await expect(page.get_by_text(words["paused.banner"].format(until=""))).to_have_count(0)
    assert console.owner.get("/")["paused"] is False
    name = words["pages.pause.one"].format(page=console.owner.page.id)
    await page.get_by_role("button", name=name).click()
    await dialog.get_by_role("button", name=words["pause.hour"], exact=True).click()
    await expect(page.get_by_text(words["pages.paused"], exact=True)).to_be_visible()
    state = console.owner.get(f"/pages/{console.owner.page.id}")
    assert state["paused"] is True
    left = datetime.fromisoformat(state["until"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < left <= timedelta(minutes=61)
    banner = page.locator(".paused-banner")
    await expect(banner).to_contain_text(words["paused.banner.pages"].partition("{pages}")[0])
    local = datetime.fromisoformat(state["until"]).astimezone(ZoneInfo("Asia/Phnom_Penh"))
    await expect(banner).to_contain_text(f"{local:%H:%M}")
    assert await stumbles(page) == []


async def test_the_banner_disappears_when_a_pause_ends(console: Console) -> None:
    """At the end of the pause, the page asks the service for the state."""
    end = datetime.now(UTC) + timedelta(minutes=1)
    state = console.owner.get("/")
    answers = [state | {"paused": True, "until": end.isoformat()}, state]
    page = await console.window()
    await page.clock.install()
    await page.route(
        f"**/v1/shops/{console.owner.name}", lambda route: route.fulfill(json=answers.pop(0) if answers else state)
    )
    await page.goto(f"{console.address}#token={console.owner.token()}")
    await expect(page.locator(".paused-banner")).to_contain_text(f":{end:%M}")
    await page.clock.fast_forward(90_000)
    await expect(page.locator(".paused-banner")).to_have_count(0)


async def test_a_deletion_that_is_refused_says_why_and_deletes_nothing(console: Console) -> None:
    """The dialog stays open, so that the owner can try again."""
    console.owner.hears("m_1", "first")
    page = await console.open()
    await open_conversation(page)
    problem = {"status": 503, "reason": "redis_unreachable", "request_id": "abc"}

    async def refuse(route: object) -> None:
        await route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem))  # type: ignore[attr-defined]

    await page.route("**/conversations/*", refuse)
    await page.get_by_role("button", name=WORDS["en"]["delete.conversation"]).click()
    await page.get_by_role("button", name=WORDS["en"]["delete.conversation.do"], exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text(WORDS["en"]["problem.status_503"])
    await expect(page.get_by_role("alert")).to_contain_text("abc")
    await page.unroute("**/conversations/*")
    await page.get_by_role("button", name=WORDS["en"]["delete.conversation.do"], exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text(WORDS["en"]["receipt.title"])
    await wait_until(lambda: console.owner.ids() == [])


async def test_a_copy_of_all_data_can_be_downloaded(console: Console, tmp_path: Path) -> None:
    """The copy is a file. The token is only in a header of the request."""
    console.owner.hears("m_1", "canary")
    page = await console.open()
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    async with page.expect_download() as download:
        await page.get_by_role("button", name=WORDS["en"]["export.start"]).click()
    file = await download.value
    assert file.suggested_filename.startswith("page-inbox-")
    await file.save_as(tmp_path / "copy")
    lines = [json.loads(line) for line in (tmp_path / "copy").read_text().splitlines()]
    assert [line["text"] for line in lines if "text" in line] == ["canary"]


@pytest.mark.parametrize("language", ["en", "km"])
async def test_the_audit_log_is_shown_in_words(console: Console, language: str) -> None:
    """Each entry has its time and its name, in words. Every word is translated."""
    words = WORDS[language]
    console.owner.hears("m_1", "canary")
    console.owner.purge()
    page = await console.open(language)
    await page.get_by_role("button", name=words["view.shop"], exact=True).click()
    await page.get_by_role("button", name=words["audit.show"]).click()
    table = page.get_by_role("table")
    await expect(table).to_contain_text(words["audit.act.purgeMessages"])
    await expect(table).to_contain_text("owner@shop")
    told = await table.inner_text()
    assert "canary" not in told
    assert not any(name in told for name in ("purgeMessages", "listMessages", "connectPage", "openStream"))
    assert await stumbles(page) == []


async def test_messages_deleted_by_another_person_disappear_from_the_page(console: Console) -> None:
    """The test deletes everything. Messages that come later are shown, because the stream has ended and begun again."""
    console.owner.hears("m_1", "first")
    page = await console.open()
    await open_conversation(page)
    await expect(page.locator(".connection.live")).to_be_visible()
    console.owner.purge()
    await expect(page.get_by_text(WORDS["en"]["inbox.empty"], exact=True)).to_be_visible()
    await expect(messages(page)).to_have_count(0)
    console.owner.hears("m_2", "second")
    await expect(rows(page)).to_contain_text("second")


async def test_a_pause_by_another_person_is_shown_when_the_page_becomes_visible(console: Console) -> None:
    """The page reads the state again when it becomes visible."""
    page = await console.open()
    await expect(page.get_by_text(WORDS["en"]["inbox.empty"], exact=True)).to_be_visible()
    assert console.owner.client.patch("/", json={"paused": True}).status_code == 200
    await expect(page.locator(".paused-banner")).to_have_count(0)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator(".paused-banner")).to_contain_text(WORDS["en"]["paused.banner"].format(until=""))
