"""Measures the console with a long inbox in Chromium: scrolling, opening a long thread, and receiving a day of
messages.

Times are processor time of the page's main thread, and for scrolling also the time from one frame to the next.
"""

import random
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect, sync_playwright

from bench.effort import Effort, Say
from bench.figures import Figure, NotMeasured, quantile
from bench.inbox import Inbox, inbox
from bench.load import PER_BATCH, Tenant, batch, tenants
from domain.ids import Psid
from simulator import texts
from tests.browser.chromium import ARGUMENTS

GROUP: Final = "the console with 5,000 conversations"
CONVERSATIONS: Final = 5_000
THREAD: Final = 1_000
"""The number of messages in the open conversation."""
LIVE: Final = 2_000
"""Messages that arrive in each round."""
FRAMES: Final = 120
"""Frames of one scroll."""
PATIENCE: Final = 120_000
"""Milliseconds."""

SCROLL: Final = """async ([selector, frames, down]) => {
    const box = document.querySelector(selector);
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    let before = await frame();
    for (let number = 0; number < frames; number += 1) {
        box.scrollTop += down;
        const now = await frame();
        times.push(now - before);
        before = now;
    }
    return times;
}"""


UNITS: Final = {"memory": "MB", "elements in the page": ""}
"""The units of the figures. A figure that is not listed is in milliseconds."""


def measure(directory: Path, effort: Effort, say: Say) -> Sequence[Figure | NotMeasured]:
    """Open the console once, and repeat all measurements in each round."""
    program = shutil.which("chromium")
    if program is None:
        return [NotMeasured(GROUP, "everything", "there is no chromium on this machine")]
    (shop,) = tenants(1)
    rng = random.Random()
    found: dict[str, list[float]] = defaultdict(list)
    with inbox(directory / "console") as own:
        own.begin([shop])
        own.fill(_deliveries(shop, [_customer(number) for number in range(1, CONVERSATIONS)], rng))
        own.fill(_deliveries(shop, [_customer(0)] * THREAD, rng))
        with _opened(own, shop, program) as window:
            for number in range(effort.rounds):
                window.scroll(found)
                window.open(found, THREAD + number)
                window.live(found, effort.count(LIVE), rng)
                say(f"console, round {number + 1}: heap {found['memory: JavaScript heap, cleared'][-1]:.1f} MB")
    return [Figure(GROUP, name, rounds, UNITS.get(name.partition(":")[0], "ms")) for name, rounds in found.items()]


def _customer(number: int) -> Psid:
    return Psid(str(7_000_000_000_000_000 + number))


def _deliveries(shop: Tenant, customers: Sequence[Psid], rng: random.Random, text: str = "") -> Iterator[bytes]:
    for first in range(0, len(customers), PER_BATCH):
        some = customers[first : first + PER_BATCH]
        yield batch(shop.page, ((one, text or _line(rng)) for one in some), rng)


def _line(rng: random.Random) -> str:
    return texts.customer_line(rng, rng.randrange(4))


TO_END: Final = """async ([selector, item, wanted, way]) => {
    const box = document.querySelector(selector);
    const here = () => {
        const [one] = box.querySelectorAll(item);
        return Number(one?.getAttribute("aria-setsize") ?? box.querySelectorAll(item).length);
    };
    while (here() < wanted) {
        box.scrollTop = way > 0 ? box.scrollHeight : 0;
        box.dispatchEvent(new Event("scroll"));
        await new Promise((done) => setTimeout(done, 20));
    }
}"""
"""Scrolls to the end until everything is loaded."""


class _Window:
    """The console, with every conversation loaded and the long thread open."""

    def __init__(self, own: Inbox, shop: Tenant, page: Page) -> None:
        self._own = own
        self._shop = shop
        self._page = page
        self._arrived = 0
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def scroll(self, found: dict[str, list[float]]) -> None:
        """Scroll the list and the open thread, one step for each frame."""
        for name, box, down in (("the list", ".list-scroll", 100), ("a thread", ".thread-scroll", -100)):
            before = self._metric("TaskDuration")
            times = self._page.evaluate(SCROLL, [box, FRAMES, down])
            busy = (self._metric("TaskDuration") - before) / FRAMES * 1e3
            found[f"scroll {name}: processor time of a frame"].append(busy)
            found[f"scroll {name}: from frame to frame, p50"].append(quantile(times, 0.5))
            found[f"scroll {name}: from frame to frame, p95"].append(quantile(times, 0.95))
        self._page.locator(".list-scroll").evaluate("(box) => { box.scrollTop = 0; }")

    def open(self, found: dict[str, list[float]], messages: int) -> None:
        """Leave the thread and open it again at its newest messages. Then load the older messages again."""
        self._page.keyboard.press("Escape")
        expect(self._page.locator(".message")).to_have_count(0)
        before = self._metric("TaskDuration")
        self._page.locator(".row").first.click()
        self._page.locator(".message").first.wait_for()
        found[f"open a thread of {THREAD:,} messages"].append((self._metric("TaskDuration") - before) * 1e3)
        self._page.evaluate(TO_END, [".thread-scroll", ".message", messages, -1])

    def live(self, found: dict[str, list[float]], count: int, rng: random.Random) -> None:
        """Deliver messages of all other conversations while the thread is open. The last message is for the open
        conversation."""
        before = self._metric("TaskDuration")
        others = [_customer(rng.randrange(1, CONVERSATIONS)) for _ in range(count)]
        self._deliver(others, rng)
        self._arrived += 1
        last = f"last {self._arrived}"
        self._deliver([_customer(0)], rng, last)
        expect(self._page.locator(".row").first).to_contain_text(last)
        found["live: processor time of a message"].append((self._metric("TaskDuration") - before) / count * 1e3)
        self._devtools.send("HeapProfiler.collectGarbage")
        found["memory: JavaScript heap, cleared"].append(self._metric("JSHeapUsedSize") / 1e6)
        found["elements in the page"].append(self._metric("Nodes"))

    def _deliver(self, customers: Sequence[Psid], rng: random.Random, text: str = "") -> None:
        # This runs in a second thread, because Playwright has an event loop in this thread.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._own.fill, _deliveries(self._shop, customers, rng, text)).result()

    def _metric(self, name: str) -> float:
        all_ = self._devtools.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in all_ if one["name"] == name)


@contextmanager
def _opened(own: Inbox, shop: Tenant, program: str) -> Iterator[_Window]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.goto(f"http://127.0.0.1:{own.server.port}/console#token={own.token}&shop={shop.shop}")
        page.locator(".connection.live").wait_for()
        page.locator(".row").first.wait_for()
        page.evaluate(TO_END, [".list-scroll", ".rows > li", CONVERSATIONS, 1])
        page.locator(".list-scroll").evaluate("(box) => { box.scrollTop = 0; }")
        page.locator(f'[data-conversation="{shop.page}_{_customer(0)}"]').click()
        page.locator(".message").first.wait_for()
        page.evaluate(TO_END, [".thread-scroll", ".message", THREAD, -1])
        expect(page.locator(".message")).to_have_count(THREAD)
        yield _Window(own, shop, page)
        browser.close()
