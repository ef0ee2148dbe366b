"""A long list of conversations: rows keep their places, and the list stays fast."""

import json
import time
from typing import Any, Final

import pytest
from playwright.async_api import CDPSession, Page, Route, expect

from domain.moment import rfc3339
from tests.browser.console import PATIENCE, Console, messages, rows, stumbles
from tests.callers import text_part

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY: Final = 5_000
LIVE_COSTS: Final = 0.200
"""The largest processor time of the main thread for one live message, in seconds. On a quiet machine, a message in a
long list takes 0.01 s, and in a long thread 0.03 s. If the page drew the whole thread again, it would take 0.4 s.
"""

LIVE_NODES: Final = 50
"""The largest number of nodes that are added for one live message. Usually 16 are added. A long thread has many
thousands."""

SEARCH_COSTS: Final = 0.400
"""The largest processor time of the main thread from a typed letter to the list of results, in seconds. On a quiet
machine it takes 0.04 s."""

COUNT_ADDED: Final = """() => {
    window.added = 0;
    const all = (node) => 1 + [...node.childNodes].reduce((sum, one) => sum + all(one), 0);
    new MutationObserver((changes) => {
        for (const change of changes) for (const node of change.addedNodes) window.added += all(node);
    }).observe(document.body, { childList: true, subtree: true });
}"""

SEARCH: Final = """async (typed) => {
    const field = document.getElementById("search");
    field.value = typed;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def customer(number: int) -> str:
    """Returns the customer at that place of the list."""
    return str(7_000_000_000_000_000 + number)


def conversation(page: str, number: int, at: float) -> dict[str, Any]:
    """Returns a conversation as the service lists it."""
    identity = f"{page}_{customer(number)}"
    moment = rfc3339(int((at - number) * 1000))
    message = {
        "id": f"m_{number}",
        "page_id": page,
        "conversation_id": identity,
        "direction": "in",
        "kind": "message",
        "text": f"question {number} ខ្ញុំចង់ទិញ",
        "sent_at": moment,
        "received_at": moment,
        "expires_at": rfc3339(int((at - number + 5 * 86_400) * 1000)),
    }
    head = {"id": identity, "page_id": page, "customer_id": customer(number), "message_count": 1}
    return {**head, "last_message": message, "last_activity_at": moment}


async def with_many(console: Console, total: int, at_once: int) -> Page:
    """Returns the console over a list whose calls each return `at_once`. Messages and stream come from the service."""
    page = await console.window()
    everything = [conversation(console.owner.page.id, number, time.time() - 60) for number in range(total)]

    async def answer(route: Route) -> None:
        cursor = route.request.url.partition("cursor=")[2].partition("&")[0]
        begin = int(cursor or 0)
        end = begin + at_once
        body = {"conversations": everything[begin:end], "next_cursor": str(end) if end < total else None}
        await route.fulfill(body=json.dumps(body), content_type="application/json")

    await page.route("**/conversations?*", answer)
    await page.goto(f"{console.address}#token={console.owner.token('messages:read', 'messages:purge')}")
    await expect(page.locator(".connection.live")).to_be_visible()
    await rows(page).first.wait_for()
    return page


async def metrics(cdp: CDPSession) -> dict[str, float]:
    """Returns Chromium's own figures of the page. Durations are processor time in seconds."""
    return {one["name"]: one["value"] for one in (await cdp.send("Performance.getMetrics"))["metrics"]}


async def test_a_message_of_an_unloaded_conversation_does_not_move_the_list(console: Console) -> None:
    """The loaded part of the list stays, and the row at the upper edge keeps its place."""
    page = await with_many(console, 400, 100)
    box, any_row = page.locator(".list-scroll"), page.locator(".rows > li").first
    for loaded in (200, 300, 400):
        await box.evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
        await expect(any_row).to_have_attribute("aria-setsize", str(loaded))
    middle = page.locator(".row", has_text="question 250 ")
    await box.evaluate("(box) => { box.scrollTop = box.scrollHeight * 0.625; }")
    await expect(middle).to_be_visible()
    where = "(one) => Math.round(one.getBoundingClientRect().top)"
    before = await middle.evaluate(where)
    await page.unroute("**/conversations?*")
    console.owner.hears("m_live", "I am new here", "7999999999999999")
    await expect(any_row).to_have_attribute("aria-setsize", "401")
    assert await middle.evaluate(where) == before


async def test_rows_do_not_move_while_the_pointer_is_on_the_list(console: Console) -> None:
    """The row shows the new message at once, and moves to the top when the pointer leaves the list."""
    for number in range(4):
        console.owner.hears(f"m_{number}", f"text {number}", customer(number))
    page = await console.open()
    await expect(rows(page)).to_have_count(4)
    await expect(page.locator(".connection.live")).to_be_visible()
    await rows(page).nth(1).hover()
    console.owner.hears("m_live", "look at this", customer(0))
    await expect(rows(page).nth(3)).to_contain_text("look at this")
    await page.mouse.move(900, 400)
    await expect(rows(page).first).to_contain_text("look at this")


async def test_a_live_message_is_fast_among_thousands_of_conversations(console: Console) -> None:
    """The test measures processor time of the page's main thread, from the arrival to the row. The page does
    not grow."""
    page = await with_many(console, MANY, MANY)
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    costs = []
    for number in range(5):
        before = await metrics(cdp)
        console.owner.hears(f"m_live_{number}", f"live {number}", customer(1_000 + number))
        await expect(rows(page).first).to_contain_text(f"live {number}")
        costs.append((await metrics(cdp))["TaskDuration"] - before["TaskDuration"])
    assert min(costs) <= LIVE_COSTS, costs
    assert await rows(page).count() < 100


async def test_the_search_is_fast_among_thousands_of_conversations(console: Console) -> None:
    """The test types letter by letter in both scripts, and searches by name and by number."""
    page = await with_many(console, MANY, MANY)
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    costs = []
    for typed in ("q", "question 4321", "ទិញ", "៤៣២១", "", "Customer …4321"):
        before = await metrics(cdp)
        await page.evaluate(SEARCH, typed)
        costs.append((await metrics(cdp))["TaskDuration"] - before["TaskDuration"])
    await expect(rows(page)).to_have_count(1)
    assert max(costs) <= SEARCH_COSTS, costs


async def test_every_row_of_a_long_list_is_reached_by_keys(console: Console) -> None:
    """Home, End and the arrows move the focus. A screen reader knows the place of each row."""
    page = await with_many(console, 1_000, 1_000)
    await rows(page).first.focus()
    await page.keyboard.press("End")
    last = page.locator(".row", has_text="question 999 ")
    await expect(last).to_be_focused()
    await expect(page.locator(".rows > li").last).to_have_attribute("aria-posinset", "1000")
    await page.keyboard.press("ArrowUp")
    await expect(page.locator(".row", has_text="question 998 ")).to_be_focused()
    await page.keyboard.press("Home")
    await expect(page.locator(".row", has_text="question 0 ")).to_be_focused()
    assert await stumbles(page) == []


async def test_many_live_messages_do_not_increase_the_memory_of_the_page(console: Console) -> None:
    """All messages of the open conversation are kept, and only the newest of every other conversation."""
    page = await with_many(console, MANY, MANY)
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable")

    async def heap() -> float:
        await cdp.send("HeapProfiler.collectGarbage")
        return (await metrics(cdp))["JSHeapUsedSize"]

    async def deliver(first: int, last: int) -> None:
        of = console.owner.page.id
        console.owner.delivers(
            *(text_part(f"m_live_{n}", f"live {n}", page=of, customer=customer(n % 50)) for n in range(first, last))
        )
        console.owner.hears(f"m_last_{last}", f"last {last}", customer(0))
        await expect(rows(page).first).to_contain_text(f"last {last}")

    await deliver(0, 100)
    before = await heap()
    for first in (100, 400, 700):
        await deliver(first, first + 300)
    assert await heap() - before < 1_000_000


async def test_a_live_message_is_fast_in_a_thread_of_a_thousand_messages(console: Console) -> None:
    """Only what has changed is drawn again."""
    page = await with_many(console, 10, 10)
    last = conversation(console.owner.page.id, 0, time.time() - 60)["last_message"]
    thread = [last | {"id": f"m_old_{number}", "text": f"old {number}"} for number in range(1_000)]

    async def answer(route: Route) -> None:
        body = json.dumps({"messages": thread, "next_cursor": None})
        await route.fulfill(body=body, content_type="application/json")

    await page.route("**/messages?*", answer)
    await rows(page).first.click()
    await expect(messages(page)).to_have_count(1_000)
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.evaluate(COUNT_ADDED)
    costs = []
    for number in range(5):
        before = await metrics(cdp)
        console.owner.hears(f"m_live_{number}", f"live {number}", customer(0))
        await expect(rows(page).first).to_contain_text(f"live {number}")
        costs.append((await metrics(cdp))["TaskDuration"] - before["TaskDuration"])
    assert min(costs) <= LIVE_COSTS, costs
    await expect(messages(page)).to_have_count(1_005)
    assert await page.evaluate("window.added") <= 5 * LIVE_NODES
