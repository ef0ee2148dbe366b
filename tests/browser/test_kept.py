"""The browser's storage keeps data of a conversation for at most as long as the conversation exists."""

import pytest
from playwright.async_api import Page, expect

from domain.ids import Psid
from tests.browser.console import PATIENCE, WORDS, Console, open_conversation, rows
from tests.browser.modules import Modules
from tests.graph import FakeGraph, now
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

SOKHA, DARA = "7000000000000001", "7000000000000002"
STORAGE = "JSON.stringify([{ ...sessionStorage }, { ...localStorage }])"


async def is_kept(page: Page, word: str) -> bool:
    """Returns True if the browser's storage has the word."""
    return word in await page.evaluate(STORAGE)


async def is_nowhere(page: Page, word: str) -> bool:
    """Returns True if neither the storage nor the page has the word."""
    return not await is_kept(page, word) and word not in await page.content()


async def with_names(console: Console, graph: FakeGraph) -> Page:
    """Returns a window with two conversations whose names came from Facebook."""
    for mid, psid, name in (("m_1", SOKHA, "canary of Sokha"), ("m_2", DARA, "canary of Dara")):
        graph.world.meet(console.owner.page, Psid(psid), name, now())
        console.owner.hears(mid, "hello", psid)
    page = await console.open()
    await expect(rows(page)).to_contain_text(["canary of Dara", "canary of Sokha"])
    await wait_until(lambda: is_kept(page, "canary of Sokha"))
    await expect(page.locator(".connection.live")).to_be_visible()
    return page


async def test_a_name_is_deleted_with_its_conversation(console: Console, graph: FakeGraph) -> None:
    """After a deletion in this or another window, the page does not contain the name."""
    page = await with_names(console, graph)
    await open_conversation(page, 1)
    await page.get_by_role("button", name=WORDS["en"]["delete.conversation"]).click()
    await page.get_by_role("button", name=WORDS["en"]["delete.conversation.do"], exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text(WORDS["en"]["receipt.title"])
    await wait_until(lambda: is_nowhere(page, "canary of Sokha"))
    assert await is_kept(page, "canary of Dara")
    console.owner.purge(f"/conversations/{console.owner.page.id}_{DARA}")
    await expect(rows(page)).to_have_count(0)
    await wait_until(lambda: is_nowhere(page, "canary"))


async def test_deleting_everything_leaves_no_name(console: Console, graph: FakeGraph) -> None:
    """The name is neither in the storage nor in the page."""
    page = await with_names(console, graph)
    await page.get_by_role("button", name=WORDS["en"]["view.shop"], exact=True).click()
    await page.get_by_role("button", name=WORDS["en"]["purge.start"]).click()
    await page.locator("#confirm").fill(WORDS["en"]["purge.word"])
    await page.get_by_role("button", name=WORDS["en"]["delete.shop.do"], exact=True).last.click()
    await expect(page.get_by_role("dialog")).to_contain_text(WORDS["en"]["receipt.complete"])
    await wait_until(lambda: is_nowhere(page, "canary"))


async def test_stored_values_are_deleted_at_the_deadline_of_their_conversation(modules: Modules) -> None:
    """A new message moves the deadline. After the deadline nothing is left, also for a page that was closed in the
    meantime."""
    script = """(() => {
        let clock = 1_000;
        let ends = { a: 2_000, b: 3_000 };
        const made = () => m.createKept({ name: "test", deadlineOf: (id) => ends?.[id] ?? (ends ? 0 : undefined),
                                          now: () => clock });
        const stored = () => Object.keys(sessionStorage).filter((key) => key.startsWith("test:")).sort();
        const kept = made();
        for (const id of ["a", "b", "gone"]) kept.set(id, `name of ${id}`);
        const found = [stored()];
        ends = { a: 5_000, b: 3_000 };
        clock = 3_000;
        kept.prune();
        found.push(stored());
        ends = undefined;  // a reload: the list is not read yet
        clock = 5_000;
        made();
        found.push(stored());
        sessionStorage.clear();
        return found.map((keys) => keys.map((key) => key.slice("test:".length)));
    })()"""
    assert await modules.run("kept", script) == [["a", "b"], ["a"], []]


async def test_storing_a_value_does_not_write_the_other_values_again(modules: Modules) -> None:
    """For a thousand values the page writes a thousand times as much as for one value, and not a million times as
    much."""
    script = """(() => {
        const kept = m.createKept({ name: "test", deadlineOf: () => 2_000, now: () => 1_000 });
        const setItem = Storage.prototype.setItem;
        let written = 0;
        Storage.prototype.setItem = function (name, text) { written += text.length; setItem.call(this, name, text); };
        for (let number = 0; number < 1_000; number += 1) kept.set(`c_${number}`, 1);
        Storage.prototype.setItem = setItem;
        sessionStorage.clear();
        return written;
    })()"""
    assert await modules.run("kept", script) < 100_000


async def test_the_unread_count_is_kept_after_a_reload(console: Console) -> None:
    """Messages stay unread until their conversation is opened or deleted."""
    console.owner.hears("m_1", "first", SOKHA)
    page = await console.open()
    await expect(rows(page)).to_have_count(1)
    await expect(page.locator(".connection.live")).to_be_visible()
    console.owner.hears("m_2", "second", DARA)
    await expect(rows(page).first.locator(".badge")).to_contain_text("1")
    await page.reload()
    await expect(rows(page).first.locator(".badge")).to_contain_text("1")
    await expect(rows(page)).to_have_count(2)
    console.owner.purge(f"/conversations/{console.owner.page.id}_{DARA}")
    await expect(rows(page)).to_have_count(1)
    await wait_until(lambda: is_nowhere(page, DARA))


async def test_the_screen_reader_text_is_deleted_with_its_message(console: Console) -> None:
    """The line for screen readers has no word of a message that is deleted."""
    console.owner.hears("m_1", "first", SOKHA)
    page = await console.open()
    await expect(rows(page)).to_have_count(1)
    await expect(page.locator(".connection.live")).to_be_visible()
    console.owner.hears("m_2", "canary", SOKHA)
    await expect(page.locator(".announcements")).to_contain_text("canary")
    console.owner.purge("/messages/m_2")
    await expect(rows(page)).to_contain_text("first")
    await expect(page.locator(".announcements")).not_to_contain_text("canary")
    await wait_until(lambda: is_nowhere(page, "canary"))
